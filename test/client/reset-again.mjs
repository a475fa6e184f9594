// Meets resets in the middle of reading and writing, in a process of its own: Node may end it with a segmentation fault.
import { EventEmitter, once } from "node:events";
import { connect as connectHttp2, createSecureServer } from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { pathToFileURL } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { credentials } from "@grpc/grpc-js";

if (isMainThread) await main();
else serve(workerData);

async function main() {
  const { noticingResets } = await import(pathToFileURL(join(process.env.ACLOG_DIST, "client/resets.js")).href);
  const [{ rounds, ca, cert, key }] = await once(process, "message");
  const reset = new Int32Array(new SharedArrayBuffer(4));
  const server = new Worker(new URL(import.meta.url), { workerData: { cert, key, reset } });
  const [port] = await once(server, "message");
  const security = noticingResets(credentials.createFromSecureContext(createSecureContext({ ca })));
  const connector = security._createSecureConnector({ scheme: "dns", path: `localhost:${port}` }, {});
  for (let round = 0; round < rounds; round++) {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const connected = await connector.connect(socket);
    await beReset(connected.socket, reset, 20 + ((round * 37) % 130));
  }
  process.exit();
}

/** Eight streams write as they read. At one message the thread waits until the server has reset, and goes on as if nothing was. */
async function beReset(socket, reset, atMessage) {
  const session = connectHttp2("https://localhost", { createConnection: () => socket });
  const over = new EventEmitter();
  session.on("error", () => undefined);
  let messages = 0;
  for (let at = 0; at < 8; at++) {
    const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    stream.on("error", () => undefined);
    stream.on("data", () => {
      if (++messages === atMessage) {
        Atomics.store(reset, 0, 1);
        Atomics.wait(reset, 0, 1);
        setTimeout(() => over.emit("over"), 10);
      }
      if (stream.writable && stream.writableLength < 200_000) stream.write(Buffer.alloc(8_192));
    });
  }
  await once(over, "over");
  session.destroy();
  socket.destroy();
}

function serve({ cert, key, reset }) {
  const sockets = new Set();
  const server = createSecureServer({ cert, key });
  server.on("connection", (socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => session.on("error", () => undefined));
  server.on("stream", (stream) => {
    stream.on("error", () => undefined).resume();
    stream.respond({ ":status": 200 });
    const timer = setInterval(() => {
      if (stream.writableLength < 65_536) for (let at = 0; at < 4; at++) stream.write(Buffer.alloc(150));
    }, 1);
    stream.once("close", () => clearInterval(timer));
  });
  setInterval(() => {
    if (Atomics.load(reset, 0) === 0) return;
    for (const socket of sockets) socket.resetAndDestroy();
    // uv closes at the end of this turn, and only then does the reset leave.
    setTimeout(() => {
      Atomics.store(reset, 0, 0);
      Atomics.notify(reset, 0);
    }, 2);
  }, 1);
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
}
