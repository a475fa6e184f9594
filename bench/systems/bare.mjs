/** grpc-js by itself, over the same TLS: bytes in, bytes out, nothing looked at and nothing kept. */
import { readFileSync } from "node:fs";
import { startNode } from "../processes.mjs";

const { version } = JSON.parse(readFileSync(new URL("../../node_modules/@grpc/grpc-js/package.json", import.meta.url)));

export const bare = {
  name: "bare grpc-js",
  kind: "bare",
  durable: "nothing",
  fsyncs: false,
  secured: "mTLS",
  client: "grpc",
  ways: {
    produce: ["ProduceStream, raw"],
    unary: ["Produce, raw"],
    flood: ["ProduceStream, raw"],
    read: ["ConsumeStream, raw"],
    tail: ["ProduceStream → ConsumeStream, raw"],
  },
  version: async () => version,

  async start({ certificates }) {
    const { ca, cert, key } = certificates.server;
    const script = new URL("bare-server.mjs", import.meta.url).pathname;
    const server = await startNode([script, "--ca", ca, "--cert", cert, "--key", key]);
    const endpoint = { host: "localhost", port: Number(server.address.split(":").at(-1)) };
    return { ...server, settings: {}, connection: { ...endpoint, tls: certificates.client, repeats: true } };
  },
};
