/** Bytes of messages that wait for their handler, beyond which the next one is held back. */
const maxAheadBytes = 1024 * 1024;

/**
 * Bounds what a stream's handler has not taken yet. grpc-js asks for the next message as soon as it has passed one on,
 * and keeps sixteen, whatever their size; while one is held back, it asks for no more.
 */
export class ReadAhead {
  #ahead = 0;
  #held: (() => void) | undefined;

  /** Passes a message of so many bytes on, now or when those before it were taken. */
  pass<Message extends { onTaken: () => void }>(
    message: Message,
    bytes: number,
    next: (message: Message) => void,
  ): void {
    const goOn = (): void => {
      this.#ahead += bytes;
      next(message);
    };
    message.onTaken = () => {
      this.#ahead -= bytes;
      const held = this.#held;
      this.#held = undefined;
      held?.();
    };
    if (this.#ahead === 0 || this.#ahead + bytes <= maxAheadBytes) goOn();
    else this.#held = goOn;
  }
}
