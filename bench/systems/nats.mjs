/** NATS JetStream: one server, file storage, identity by certificate, permissions by subject. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, run, startProcess } from "../processes.mjs";
import { missing, pathOf } from "./peer.mjs";

export const natsDefault = nats({
  name: "NATS default",
  durable: "fsync every 2 min",
  fsyncs: false,
  // How a record was written makes no difference to its readers: one of the two is enough for the rows about reading.
  reading: { read: ["ordered consumer"] },
  prepareStore: () => undefined,
});

/** This version has no setting for it, so every write to its store is made synchronous from outside. */
export const natsSynced = nats({
  name: "NATS synced",
  durable: "synchronous write",
  fsyncs: true,
  prepareStore: async (directory) => {
    await run("chattr", ["+S", directory]).catch((error) => {
      throw new Error(`its store cannot be made synchronous here (${error.message}): it needs ext4 and chattr`);
    });
  },
});

function nats({ prepareStore, reading = {}, ...facts }) {
  return {
    ...facts,
    kind: "peer",
    secured: "mTLS, subjects",
    client: "nats",
    ways: {
      produce: ["js.publish"],
      flood: ["publish, acks counted"],
      ...reading,
      tail: ["js.publish → ordered consumer"],
    },
    missing: () => missing({ programs: ["nats-server"], packages: ["nats-server"], library: "@nats-io/jetstream" }),
    version: async () => (await run(await pathOf("nats-server"), ["--version"])).trim(),

    async start({ directory, certificates }) {
      const store = join(directory, "store");
      await mkdir(store);
      await prepareStore(store);
      const port = await freePort();
      const config = configOf({ port, store, certificates });
      const path = join(directory, "nats.conf");
      await writeFile(path, config);
      const isReady = (line) => (line.includes("Server is ready") ? {} : undefined);
      const server = await startProcess(await pathOf("nats-server"), ["-c", path], { isReady });
      const connection = { host: "127.0.0.1", port, tls: certificates.client, admin: certificates.admin };
      return { ...server, settings: { config }, connection };
    },
  };
}

function configOf({ port, store, certificates: { server } }) {
  return `host: 127.0.0.1
port: ${port}
jetstream { store_dir: "${store}", max_memory_store: 1GB, max_file_store: 100GB }
tls {
  cert_file: "${server.cert}"
  key_file: "${server.key}"
  ca_file: "${server.ca}"
  verify_and_map: true
}
authorization {
  users = [
    { user: "CN=root,O=acme" }
    {
      user: "CN=billing,O=acme"
      permissions: {
        publish: ["bench.>", "$JS.API.CONSUMER.>", "$JS.API.STREAM.INFO.>", "$JS.ACK.>", "$JS.FC.>", "$JS.API.INFO"]
        subscribe: ["_INBOX.>"]
      }
    }
  ]
}
`;
}
