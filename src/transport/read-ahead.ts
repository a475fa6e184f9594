/** Bytes of messages that wait for their handler, beyond which the next one is held back. */
const maxAheadBytes = 1024 * 1024;

/**
 * Bounds what a stream's handler has not taken yet. grpc-js asks for the next message as soon as it has passed one on,
 * and keeps sixteen, whatever their size; while one is held back, it asks for no more.
 */
export class ReadAhead {
  #ahead = 0;
  /** Mostly one: more only when a stream is told to end while one is held back. */
  readonly #held: { readonly bytes: number; readonly goOn: () => void }[] = [];

  /** Passes a message of so many bytes on, now or when those before it were taken. */
  pass<Message extends { onTaken: () => void }>(
    message: Message,
    bytes: number,
    next: (message: Message) => void,
  ): void {
    message.onTaken = () => {
      this.#ahead -= bytes;
      while (this.#held[0] !== undefined && this.#hasRoom(this.#held[0].bytes)) this.#held.shift()!.goOn();
    };
    const goOn = (): void => {
      this.#ahead += bytes;
      next(message);
    };
    if (this.#held.length === 0 && this.#hasRoom(bytes)) goOn();
    else this.#held.push({ bytes, goOn });
  }

  #hasRoom(bytes: number): boolean {
    return this.#ahead === 0 || this.#ahead + bytes <= maxAheadBytes;
  }
}
