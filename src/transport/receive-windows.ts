import type { ServerHttp2Session } from "node:http2";

/**
 * What a client may send of one call before the server has taken any of it, in bytes. By itself HTTP/2 allows 64 KiB, which
 * at a round trip of 10 ms are 6.5 MB/s at most. It is also what a call that is not read further holds in memory, beside
 * the message that it has begun; so it is not more than such a network needs.
 */
export const callWindowBytes = 2 * 1024 * 1024;

/** The same for all calls of a connection together. Node gives it back as soon as the bytes have come: it holds nothing. */
export const connectionWindowBytes = 2 * callWindowBytes;

/** Lets the peer of a session that has just begun send this much ahead. */
export function widenReceiveWindows(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: callWindowBytes });
  session.setLocalWindowSize(connectionWindowBytes);
}
