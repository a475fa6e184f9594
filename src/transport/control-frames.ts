import type { ServerHttp2Session } from "node:http2";

/** Answered pings and settings after which their sender is looked at. */
const framesAtATime = 1_000;
/** In less time they are a flood, unless much was sent in between. */
const windowMs = 10_000;
/** Clients of other languages ping as data comes in, to find out how much is on its way: about once for so many bytes. */
const bytesForAFrame = 1_024;

/**
 * Calls `onFlood` once, in the midst of what Node has just read, when a peer sends more pings and settings than any client needs: each costs its sender 17 bytes and must
 * be answered at once. grpc-js answers as many as come.
 */
export function watchControlFrames(session: ServerHttp2Session, onFlood: () => void): void {
  let frames = 0;
  let since = performance.now();
  let sentBefore = 0;
  let isFlood = false;
  const count = (): void => {
    frames++;
    if (frames < framesAtATime || isFlood || session.destroyed) return;
    const now = performance.now();
    const sent = session.socket.bytesWritten;
    isFlood = now - since < windowMs && sent - sentBefore < frames * bytesForAFrame;
    if (isFlood) onFlood();
    frames = 0;
    since = now;
    sentBefore = sent;
  };
  session.on("ping", count);
  session.on("remoteSettings", count);
}
