/**
 * Tells grpc-js in a turn of the event loop of its own that a connection is ready.
 *
 * To grpc-js it is ready with the server's first settings, and grpc-js listens for its end only some promises later. Over a socket
 * of the kernel nothing comes in between. Bytes that come through a stream of JavaScript, as late-errors.ts is one, are read
 * to their end first: a server that is stopping sends its settings and GOAWAY in one piece, the end is not heard, and every call
 * is tried again on the dead connection, for ever, without another turn of the event loop.
 */
import { EventEmitter } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** For a socket that grpc-js is about to make a session of. */
export function tellSettingsLater(socket: Socket): void {
  process.nextTick(() => {
    const session = sessionOf(socket);
    if (session === undefined) return;
    const emit = session.emit.bind(session) as (name: string, ...args: unknown[]) => boolean;
    session.emit = (name: string, ...args: unknown[]) => {
      if (name !== "remoteSettings") return emit(name, ...args);
      // Whose connection has ended by then hears of that alone.
      setImmediate(() => session.closed || session.destroyed || emit(name, ...args));
      return true;
    };
  });
}

/** Node keeps it at its socket, under a symbol or, in 20.20, under "undefined". */
function sessionOf(socket: Socket): ClientHttp2Session | undefined {
  const properties = socket as unknown as Record<PropertyKey, unknown>;
  return Reflect.ownKeys(socket)
    .map((key) => properties[key])
    .find((value): value is ClientHttp2Session => value instanceof EventEmitter && "remoteSettings" in value);
}
