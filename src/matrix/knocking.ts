/** What somebody says at a server's door, and whether he is answered. */
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { framed } from "./wire.js";

/** Who is neither cut off nor answered by then is not going to be. */
export const patienceMs = 10_000;

/** A call: the path of its method, and its first message. */
export type Request = readonly [path: string, message: Buffer];

/** What came of it. */
export interface Heard {
  /** How he was served, in words; undefined when he was not. */
  readonly served: string | undefined;
  /** Whether a word of HTTP came. */
  readonly isIn: boolean;
  /** Whether the connection was open still when nothing more was to be expected. */
  readonly isOpen: boolean;
}

/** Makes these calls on a connection that has begun. */
export async function callOver(
  socket: Socket,
  requests: readonly Request[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<Heard> {
  const session = connectHttp2("http://localhost", { createConnection: () => socket });
  let isIn = false;
  session.on("error", () => undefined);
  session.on("remoteSettings", () => (isIn = true));
  const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers", ...metadata };
  const answered = new Set<string>();
  const calls = requests.map(([path, message]) => {
    const call = session.request({ ...headers, ":path": path }, { signal: AbortSignal.timeout(patienceMs) });
    call.on("error", () => undefined);
    call.on("response", () => {
      answered.add(path);
      call.resume().close();
    });
    call.end(framed(message));
    return new Promise((resolve) => call.once("close", resolve));
  });
  await Promise.all(calls);
  const isOpen = !session.closed && !session.destroyed;
  session.destroy();
  const paths = requests.map(([path]) => path).filter((path) => answered.has(path));
  return { served: paths.length === 0 ? undefined : `${paths.join(" and ")} answered`, isIn, isOpen };
}

/** Asks for a page: whatever comes back must not be one. */
export function askForPage(socket: Socket): Promise<Heard> {
  return new Promise((resolve) => {
    let [heard, isOpen] = ["", false];
    socket.on("data", (bytes) => (heard += bytes.toString("latin1")));
    socket.on("close", () => {
      const isIn = heard.startsWith("HTTP/");
      resolve({ served: isIn ? "HTTP/1.1 was answered" : undefined, isIn, isOpen });
    });
    socket.setTimeout(patienceMs, () => {
      isOpen = true;
      socket.destroy();
    });
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  });
}
