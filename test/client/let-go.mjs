// Calls a server that is stopping, and then one that is not, in a process of its own: the wrong answer is one without an end.
import { once } from "node:events";
import { createSecureServer } from "node:http2";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { pathToFileURL } from "node:url";
import { Client, Metadata, credentials } from "@grpc/grpc-js";

const { noticingResets } = await import(pathToFileURL(join(process.env.ACLOG_DIST, "client/resets.js")).href);
const [{ ca, cert, key }] = await once(process, "message");
let sessions = 0;
const server = createSecureServer({ cert, key });
server.on("session", (session) => {
  session.on("error", () => undefined);
  // Its settings and GOAWAY leave in one piece.
  if (++sessions <= 2) session.close();
});
server.on("stream", (stream) => {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.alloc(5));
});
await once(server.listen(0, "127.0.0.1"), "listening");
const security = noticingResets(credentials.createFromSecureContext(createSecureContext({ ca })));
const options = { "grpc.initial_reconnect_backoff_ms": 100 };
const client = new Client(`localhost:${server.address().port}`, security, options);
const same = (bytes) => bytes;
const metadata = new Metadata({ waitForReady: true });
client.makeUnaryRequest("/a.B/C", same, same, Buffer.alloc(0), metadata, (error) => process.exit(error ? 1 : 0));
