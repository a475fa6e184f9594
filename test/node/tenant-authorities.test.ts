import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { extension } from "../support/certificates.js";
import { der, derTag } from "../support/der.js";
import { type Minted, MintedAuthority } from "../support/minted.js";
import { ServedProcess } from "../support/served-process.js";
import { startTestNode } from "../support/test-node.js";

const tenants = "tenants:\n  acme: {}\n  globex: { ca: globex.crt }\n  ops: {}\n";
const globex = new MintedAuthority({ name: "globex" });

test("a process serves whose tenants are bound to a file", async () => {
  await using files = await startTestNode({
    policy: { "tenants.yaml": tenants },
    prepare: async (directory) => {
      await writeFile(join(directory, "globex.crt"), globex.certPem);
      return {};
    },
  });
  const server = await ServedProcess.start(files, join(files.directory, "served"));
  onTestFinished(() => server.end("SIGKILL").then(() => undefined));
  const { certPem: cert, keyPem: key } = globex.client("globex/root");
  await using client = Client.connect({ address: server.address, ca: files.authority.caPem, cert, key });
  await expect(client.produce(["one"], { topic: "orders" })).resolves.toBeDefined();
});

test("a tenant's own authority vouches by itself, also one below another that nobody here trusts", async () => {
  const company = new MintedAuthority({ name: "company" });
  const issuing = new MintedAuthority({ name: "issuing", by: company });
  await using node = await startTestNode({
    policy: { "tenants.yaml": tenants },
    prepare: async (directory) => {
      await writeFile(join(directory, "globex.crt"), issuing.certPem);
      return {};
    },
  });
  const clientOf = (by: MintedAuthority): Client => {
    const { certPem: cert, keyPem: key } = by.client("globex/root");
    return Client.connect({ address: node.address, ca: node.authority.caPem, cert, key });
  };
  await using client = clientOf(issuing);
  await expect(client.produce(["one"], { topic: "orders" })).resolves.toBeDefined();
  await using other = clientOf(company);
  await expect(other.produce(["two"], { topic: "orders", timeoutMs: 2_000 })).rejects.toThrow();
});

test("a tenant's authority vouches for no other tenant, in whose authority's name and with whose certificates in its own", async () => {
  const acme = new MintedAuthority({ name: "acme" });
  const impostor = new MintedAuthority({ name: "acme", by: globex });
  await using node = await startTestNode({
    policy: { "tenants.yaml": tenants.replace("acme: {}", "acme: { ca: acme.crt }") },
    prepare: async (directory) => {
      await writeFile(join(directory, "acme.crt"), acme.certPem);
      await writeFile(join(directory, "globex.crt"), globex.certPem);
      return {};
    },
  });
  const clientOf = ({ certPem, keyPem: key }: Minted, above = ""): Client =>
    Client.connect({ address: node.address, ca: node.authority.caPem, cert: certPem + above, key });
  const own = acme.client("acme/root");
  await using client = clientOf(own);
  await expect(client.produce(["one"], { topic: "orders" })).resolves.toBeDefined();
  const extensions = [extension("1.2.3.4", der(derTag.utf8String, Buffer.from(`\n${own.certPem}`)))];
  await using other = clientOf(impostor.client("acme/root", { extensions }), impostor.certPem);
  await expect(other.produce(["two"], { topic: "orders", timeoutMs: 2_000 })).rejects.toThrow();
});
