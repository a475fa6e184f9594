/**
 * Connections that were reset. Node (20.20) may end the process with them: late-errors.ts. Or it says nothing: where a reset
 * comes between two looks of the event loop and a write is the first to meet it, TLSWrap takes that write for one that is still
 * under way, and Http2Session neither hands on its error nor reads again until it is over. No "error", "end" or "close" comes,
 * of the socket or the session, and all calls wait for keepalive.
 */
import type { Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { tellSettingsLater } from "./first-settings.js";
import { failingLate } from "./late-errors.js";

const lookEveryMs = 500;

/** The same credentials: connections that are made with them are closed when the other side has reset them; nothing else is. */
export function noticingResets(credentials: ChannelCredentials): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      watch(socket);
      if (!credentials._isSecure()) return connect(socket);
      // Node takes any Duplex beneath TLS; grpc-js hands it on as it is.
      const connected = await connect(failingLate(socket) as unknown as Socket);
      tellSettingsLater(connected.socket);
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
