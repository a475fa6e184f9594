/** A process with many connections, each with one ConsumeStream; it ends only when it is killed. */
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { framed, requests } from "./messages.mjs";

const [, , port, certificates, count, stalled] = process.argv;
const pem = (name) => readFileSync(join(certificates, name));
const tls = { ca: pem("ca.crt"), cert: pem("clients/acme/root.crt"), key: pem("clients/acme/root.key") };
// At the start there is more than a window takes; at the end there is nothing yet.
const request = framed(requests.consume({ topic: "orders", start: stalled === "true" ? "EARLIEST" : "LATEST" }));
let heard = 0;

for (let opened = 0; opened < Number(count); opened++) {
  await new Promise((resolve, reject) => {
    const createConnection = () =>
      connectTls({ host: "127.0.0.1", servername: "localhost", port: Number(port), ALPNProtocols: ["h2"], ...tls });
    const session = connect("https://localhost", { createConnection });
    session.on("error", reject);
    session.once("remoteSettings", () => {
      const call = session.request({
        ":method": "POST",
        ":path": "/log.v1.Log/ConsumeStream",
        "content-type": "application/grpc",
        te: "trailers",
      });
      call.end(request);
      if (stalled !== "true") {
        call.once("data", () => {
          if (++heard === Number(count)) process.stdout.write("all\n");
        });
      } else call.pause();
      resolve();
    });
  });
}
