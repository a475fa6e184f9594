/** etcd: one member, client certificates, the common name is the user, and a role for a prefix. */
import { join } from "node:path";
import { openClient } from "../client.mjs";
import { freePort, run, startProcess } from "../processes.mjs";
import { missing, pathOf } from "./peer.mjs";

export const etcd = {
  name: "etcd",
  kind: "peer",
  durable: "fsync",
  fsyncs: true,
  secured: "mTLS, role",
  client: "etcd",
  // More than can be read in a run, and storing takes long.
  holdsAtMost: 300_000,
  ways: {
    produce: ["put"],
    unary: ["put"],
    flood: ["transactions of 100 puts"],
    read: ["range of 1,000"],
    tail: ["put → watch"],
  },
  missing: () => missing({ programs: ["etcd"], packages: ["etcd-server"], library: "etcd3" }),
  version: async () => (await run(await pathOf("etcd"), ["--version"])).split("\n")[0],

  async start({ directory, certificates: { server: pair, client, admin } }) {
    const [port, peerPort] = [await freePort(), await freePort()];
    const [url, peerUrl] = [`https://127.0.0.1:${port}`, `https://127.0.0.1:${peerPort}`];
    const settings = [
      ...["--name", "bench", "--data-dir", join(directory, "data"), "--initial-cluster", `bench=${peerUrl}`],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
      ...["--cert-file", pair.cert, "--key-file", pair.key, "--trusted-ca-file", pair.ca, "--client-cert-auth"],
      ...["--peer-cert-file", pair.cert, "--peer-key-file", pair.key, "--peer-trusted-ca-file", pair.ca],
      // The gateway would call etcd with the server's certificate, which is no client's.
      ...["--peer-client-cert-auth", "--enable-grpc-gateway=false"],
      // Room for a bench's records; the default of 2 GiB is soon full.
      ...["--quota-backend-bytes", `${8 * 2 ** 30}`],
    ];
    const isReady = (line) => (/serving client (requests|traffic)/.test(line) ? {} : undefined);
    const server = await startProcess(await pathOf("etcd"), settings, { isReady });
    const connection = { host: "localhost", port, tls: client };
    // Once it knows who may do what, no user but root may change that.
    const root = await openClient("etcd", { ...connection, tls: admin, allow: "billing" });
    await root.close();
    return { ...server, settings: { flags: settings.join(" ") }, connection };
  },
};
