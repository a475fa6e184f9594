/**
 * Connections that were reset, and of which Node (20.20) says nothing: where a reset comes between two looks of the event loop
 * and a write is the first to meet it, TLSWrap takes that write for one that is still under way, and Http2Session neither
 * hands on its error nor reads again until it is over. No "error", "end" or "close" comes, of the socket or the session, and all
 * calls wait for keepalive.
 */
import type { Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";

const lookEveryMs = 500;

/** The same credentials: connections that are made with them are closed when the other side has reset them. */
export function noticingResets(credentials: ChannelCredentials): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      const connected = await connect(socket);
      watch(connected.socket);
      return connected;
    };
    return connector;
  };
  return credentials;
}

function watch(socket: Socket): void {
  let wasGone = false;
  const timer = setInterval(() => {
    const isGone = !hasPeer(socket);
    // Not at once: what has arrived before the reset is read first, and mostly the reset is read behind it.
    if (isGone && wasGone) socket.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    wasGone = isGone;
  }, lookEveryMs).unref();
  socket.once("close", () => clearInterval(timer));
}

/** What the kernel says. `remoteAddress` is what it said once. */
function hasPeer(socket: Socket): boolean {
  const { _handle: handle } = socket as { _handle?: { getpeername?: (into: object) => number } | null };
  return handle?.getpeername === undefined || handle.getpeername({}) === 0;
}
