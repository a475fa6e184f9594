import { X509Certificate, createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, readdir, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { OperatorError } from "../../src/errors.js";
import { certificateFacts, IdentityRules } from "../../src/identity/index.js";
import { examplePrincipals, initCertificates, inspectCertificate, issueCertificate } from "../../src/pki/index.js";
import { TestAuthority } from "../support/certificates.js";
import { derTag } from "../support/der.js";

const principals = [
  { tenant: "acme", name: "root" },
  { tenant: "globex", name: "root" },
];
const billing = { tenant: "acme", name: "billing" };
const principalOf = (der: Buffer) => IdentityRules.builtIn.evaluate(certificateFacts(der), []).principal;
const paths = [
  "ca.key",
  "ca.crt",
  "ca.crl",
  "server.key",
  "server.crt",
  "clients/acme/root.key",
  "clients/acme/root.crt",
  "clients/globex/root.key",
  "clients/globex/root.crt",
  "index.txt",
];
/** What init makes where it is asked for no client. */
const least = ["ca.crl", "ca.crt", "ca.key", "index.txt", "server.crt", "server.key"];
const below = ["ca-issuing.crt", "ca-issuing.key"];

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "aclog-pki-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** Every file below, with its bytes: what a refused run must not have changed. The lock is always empty. */
async function contents(directory: string): Promise<Record<string, string>> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = all.filter(({ name }) => name !== ".lock");
  const read = files.map(async (file) => {
    const path = join(file.parentPath, file.name);
    return file.isFile() ? [[path.slice(directory.length + 1), await readFile(path, "latin1")] as const] : [];
  });
  return Object.fromEntries((await Promise.all(read)).flat());
}

async function refusal(work: Promise<unknown>): Promise<OperatorError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperatorError);
  return error as OperatorError;
}

describe("a made set", () => {
  let directory: string;
  let made: string[];
  const progress: string[] = [];
  beforeAll(async () => {
    directory = join(await mkdtemp(join(tmpdir(), "aclog-pki-")), "certs");
    const onProgress = (path: string) => progress.push(path);
    made = [...(await initCertificates(directory, { principals, force: false, onProgress })).made];
  });
  afterAll(() => rm(join(directory, ".."), { recursive: true }));

  const certificate = async (path: string) => new X509Certificate(await readFile(join(directory, path)));

  test("is what was asked for, told as it was made, and nothing else", async () => {
    expect(made).toEqual(paths);
    expect(progress).toEqual(paths);
    expect(Object.keys(await contents(directory)).sort()).toEqual([...paths].sort());
  });

  test("has keys that only their owner can read, in PKCS#8", async () => {
    // An operator's umask may take the certificates from others, too.
    const plain = join(directory, "..", "plain");
    await writeFile(plain, "");
    const readable = (await stat(plain)).mode & 0o644;
    for (const path of paths) {
      const { mode } = await stat(join(directory, path));
      expect(mode & 0o777, path).toBe(path.endsWith(".key") ? 0o600 : readable);
      if (path.endsWith(".key")) {
        const pem = await readFile(join(directory, path), "latin1");
        expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
        expect(createPrivateKey(pem).asymmetricKeyDetails?.modulusLength).toBe(2048);
      }
    }
    expect((await stat(join(directory, "clients/acme"))).mode & 0o777).toBe(0o700);
  });

  test("has serials that are positive, of sixteen bytes, and all different", async () => {
    const serials = await Promise.all(
      paths.filter((path) => path.endsWith(".crt")).map(async (path) => (await certificate(path)).serialNumber),
    );
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(new Set(serials).size).toBe(4);
  });

  test("is signed by its authority, for no longer than 825 days, from a few minutes ago", async () => {
    const ca = await certificate("ca.crt");
    for (const path of paths.filter((each) => each.endsWith(".crt"))) {
      const leaf = await certificate(path);
      expect(leaf.verify(ca.publicKey), path).toBe(true);
      expect(leaf.checkIssued(ca), path).toBe(true);
      expect(leaf.checkPrivateKey(createPrivateKey(await readFile(join(directory, path.replace("crt", "key")))))).toBe(
        true,
      );
      const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
      expect(Date.now() - from).toBeGreaterThan(4 * 60_000);
      expect((to - from) / 86_400_000, path).toBe(path === "ca.crt" ? 3650 : 824);
    }
  });

  test("has an authority that may sign certificates and lists, and does nothing else", async () => {
    const summary = inspectCertificate(await readFile(join(directory, "ca.crt")));
    expect(summary).toMatchObject({
      issuer: summary.subject,
      isCa: true,
      keyUsage: ["keyCertSign", "cRLSign"],
      extendedKeyUsage: undefined,
      subjectAltNames: [],
      daysLeft: 3649,
    });
    expect(summary.subject).toMatch(/^CN=aclog CA [0-9a-f]{8}$/);
  });

  test("has a server for localhost, 127.0.0.1 and ::1 that is no client", async () => {
    const server = await certificate("server.crt");
    expect(server.checkHost("localhost")).toBe("localhost");
    expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(server.checkIP("::1")).toBe("::1");
    expect(server.checkHost("example.com")).toBeUndefined();
    expect(inspectCertificate(server.toString())).toMatchObject({
      isCa: false,
      keyUsage: ["digitalSignature", "keyEncipherment"],
      extendedKeyUsage: ["serverAuth"],
      subjectAltNames: ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"],
    });
  });

  test("has clients that are exactly the principals asked for, in UTF8String", async () => {
    for (const principal of principals) {
      const client = await certificate(`clients/${principal.tenant}/${principal.name}.crt`);
      expect(client.subject).toBe(`O=${principal.tenant}\nCN=${principal.name}`);
      expect(principalOf(client.raw)).toEqual(principal);
      const named = Buffer.concat([
        Buffer.from([derTag.utf8String, principal.name.length]),
        Buffer.from(principal.name),
      ]);
      expect(client.raw.includes(named)).toBe(true);
      expect(inspectCertificate(client.toString())).toMatchObject({ isCa: false, extendedKeyUsage: ["clientAuth"] });
    }
  });

  for (const host of ["localhost", "127.0.0.1", "::1"]) {
    test(`completes a mutual TLS 1.3 handshake at ${host}`, async () => {
      const read = (path: string) => readFile(join(directory, path));
      const server = tls.createServer({
        cert: await read("server.crt"),
        key: await read("server.key"),
        ca: await read("ca.crt"),
        requestCert: true,
        minVersion: "TLSv1.3",
      });
      server.listen(0, host);
      await once(server, "listening");
      const accepted = once(server, "secureConnection") as Promise<[tls.TLSSocket]>;
      const client = tls.connect({
        host,
        port: (server.address() as AddressInfo).port,
        ca: await read("ca.crt"),
        cert: await read("clients/acme/root.crt"),
        key: await read("clients/acme/root.key"),
      });
      await once(client, "secureConnect");
      const [socket] = await accepted;
      expect([client.authorized, socket.authorized, socket.getProtocol()]).toEqual([true, true, "TLSv1.3"]);
      expect(socket.getPeerCertificate().subject).toEqual({ O: "acme", CN: "root" });
      client.destroy();
      socket.destroy();
      server.close();
      await once(server, "close");
    });
  }

  test("takes one more client, signed by the same authority", async () => {
    const issued = await issueCertificate(directory, billing, { force: false });
    expect(issued.made).toEqual(["clients/acme/billing.key", "clients/acme/billing.crt"]);
    const client = await certificate("clients/acme/billing.crt");
    expect(client.verify((await certificate("ca.crt")).publicKey)).toBe(true);
    expect(principalOf(client.raw)).toEqual(billing);

    const before = await contents(directory);
    const error = await refusal(issueCertificate(directory, billing, { force: false }));
    expect(error.message).toContain("`aclog certs renew acme/billing`, or replace them with --force");
    expect(error.message).toContain(`${join(directory, "clients/acme")} has 2 of these 2 files`);
    expect(await contents(directory)).toEqual(before);

    await issueCertificate(directory, billing, { force: true });
    const after = await contents(directory);
    const changed = Object.keys(after).filter((path) => after[path] !== before[path]);
    expect(changed.sort()).toEqual(["clients/acme/billing.crt", "clients/acme/billing.key", "index.txt"]);
  });

  test("is left as it is without --force, and the refusal says where and how much is in the way", async () => {
    const before = await contents(directory);
    const error = await refusal(initCertificates(directory, { principals, force: false }));
    // Nobody is to come to it by an error's advice.
    expect(error.message).not.toContain("--force");
    expect(error.message).toContain(`${directory} has ${paths.length - 1} of these ${paths.length - 1} files`);
    expect(error.message).not.toContain("\n");
    expect(await contents(directory)).toEqual(before);
  });
});

describe("files in the way", () => {
  test("are replaced with --force and kept aside, and a key that others could read is theirs no longer", async () => {
    const directory = await freshDirectory();
    await writeFile(join(directory, "ca.key"), "old");
    await chmod(join(directory, "ca.key"), 0o644);
    const { kept } = await initCertificates(directory, { principals: [], force: true, intermediate: true });
    expect((await stat(join(directory, "ca.key"))).mode & 0o777).toBe(0o600);
    const asOld = join(kept!, "ca.key");
    expect(Object.keys(await contents(directory)).sort()).toEqual([...least, ...below, asOld].sort());
    expect(await readFile(join(directory, asOld), "utf8")).toBe("old");
    const first = await contents(directory);

    const again = await initCertificates(directory, { principals: [], force: true });
    const second = await contents(directory);
    // Also what issued below the old one, which would go on in place of the new one, is no longer where it was.
    const aside = [...least, ...below].map((path) => join(again.kept!, path));
    expect(Object.keys(second).sort()).toEqual([...least, asOld, ...aside].sort());
    for (const path of [...least, ...below]) expect(second[join(again.kept!, path)]).toBe(first[path]);
    const ca = new X509Certificate(second["ca.crt"]!);
    expect(ca.subject).not.toBe(new X509Certificate(first["ca.crt"]!).subject);
    expect(new X509Certificate(second["server.crt"]!).verify(ca.publicKey)).toBe(true);
  });

  test("of an authority below the one that is to be made are in its way, too", async () => {
    const directory = await freshDirectory();
    await writeFile(join(directory, "ca-issuing.crt"), "");
    const error = await refusal(initCertificates(directory, { principals: [], force: false }));
    expect(error.message).toContain("1 of these 6 files");
  });

  test("are named as half a set where the other half is missing", async () => {
    const directory = await freshDirectory();
    await writeFile(join(directory, "ca.crt"), "");
    const error = await refusal(initCertificates(directory, { principals, force: false }));
    expect(error.findings).toEqual([
      { source: join(directory, "ca.crt"), problem: "exists, but ca.key does not: half a set" },
    ]);
    expect(Object.keys(await contents(directory))).toEqual(["ca.crt"]);
  });

  test("count also when they are links to nowhere", async () => {
    const directory = await freshDirectory();
    await symlink("nowhere", join(directory, "server.key"));
    expect((await refusal(initCertificates(directory, { principals, force: false }))).findings).toHaveLength(1);
    expect(await readdir(directory)).toEqual(["server.key"]);
  });

  test("of a run at the same time: one of two makes the whole set, and the other is refused", async () => {
    const directory = await freshDirectory();
    const runs = await Promise.allSettled([
      initCertificates(directory, { principals: [], force: false }),
      initCertificates(directory, { principals: [], force: false }),
    ]);
    expect(runs.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = runs.find((run) => run.status === "rejected");
    expect(refused?.reason).toBeInstanceOf(OperatorError);
    expect(Object.keys(await contents(directory)).sort()).toEqual(least);
    const ca = new X509Certificate(await readFile(join(directory, "ca.crt")));
    expect(ca.checkPrivateKey(createPrivateKey(await readFile(join(directory, "ca.key"))))).toBe(true);
    expect(new X509Certificate(await readFile(join(directory, "server.crt"))).verify(ca.publicKey)).toBe(true);
  });
});

describe("issuing", () => {
  test("without an authority says what to run first", async () => {
    const directory = await freshDirectory();
    const error = await refusal(issueCertificate(directory, billing, { force: false }));
    expect(error.message).toContain("run `aclog certs init` first");
    expect(await contents(directory)).toEqual({});
  });

  for (const missing of ["ca.key", "ca.crt"]) {
    test(`with half an authority says that ${missing} is missing`, async () => {
      const directory = await freshDirectory();
      await initCertificates(directory, { principals: [], force: false });
      await unlink(join(directory, missing));
      const error = await refusal(issueCertificate(directory, billing, { force: false }));
      expect(error.message).toContain("half a certificate authority");
      expect(error.message).toContain(`${join(directory, missing)} does not`);
    });
  }

  test("by an authority that is not fit for it is refused, and says why", async () => {
    const directory = await freshDirectory();
    const put = async (cert: string, key: string) => {
      await writeFile(join(directory, "ca.crt"), cert);
      await writeFile(join(directory, "ca.key"), key);
      return (await refusal(issueCertificate(directory, billing, { force: false }))).message;
    };
    const authority = await TestAuthority.create();
    const ec = authority.issue({ principal: "acme/ca", isCa: true });
    const rsa = authority.issue({ principal: "acme/ca", isCa: true, key: "rsa" });
    const leaf = authority.issue({ principal: "acme/ca", key: "rsa" });
    const old = authority.issue({ principal: "acme/ca", isCa: true, key: "rsa", notAfter: new Date(0) });
    expect(await put("", "")).toContain("not readable as PEM");
    expect(await put(ec.certPem, rsa.keyPem)).toContain("ca.key is not the key of ca.crt");
    expect(await put(leaf.certPem, leaf.keyPem)).toContain("not the certificate of an authority");
    expect(await put(old.certPem, old.keyPem)).toContain("expired");
    expect(Object.keys(await contents(directory)).sort()).toEqual(["ca.crt", "ca.key"]);
  });

  test("never outlives the authority", async () => {
    const directory = await freshDirectory();
    const notAfter = new Date(Math.trunc(Date.now() / 1000) * 1000 + 3_600_000);
    const authority = await TestAuthority.create();
    const ca = authority.issue({ subject: [{ type: "CN", value: "brief" }], isCa: true, key: "rsa", notAfter });
    await writeFile(join(directory, "ca.crt"), ca.certPem);
    await writeFile(join(directory, "ca.key"), ca.keyPem);
    await issueCertificate(directory, billing, { force: false });
    const summary = inspectCertificate(await readFile(join(directory, "clients/acme/billing.crt")));
    expect(summary.notAfter).toEqual(notAfter);
    expect(summary.daysLeft).toBe(0);
  });

  const invalid = [
    { tenant: "../acme", name: "root" },
    { tenant: "acme", name: "../../ca" },
    { tenant: "_system", name: "root" },
    { tenant: "acme", name: "Root" },
    { tenant: "acme", name: "" },
  ];
  for (const principal of invalid) {
    test(`refuses the principal ${JSON.stringify(principal)} before anything is made`, async () => {
      const directory = await freshDirectory();
      await refusal(initCertificates(directory, { principals: [principal], force: true }));
      await refusal(issueCertificate(directory, principal, { force: true }));
      expect(await contents(directory)).toEqual({});
    });
  }

  test("refuses a principal that is named twice", async () => {
    const directory = await freshDirectory();
    await refusal(initCertificates(directory, { principals: [billing, billing], force: false }));
    expect(await contents(directory)).toEqual({});
  });
});

test("the examples are valid, different, and of three tenants", () => {
  const names = examplePrincipals.map(({ tenant, name }) => `${tenant}/${name}`);
  expect(names).toEqual([
    "acme/root",
    "acme/billing",
    "acme/reports",
    "acme/nobody",
    "globex/root",
    "globex/nobody",
    "ops/root",
  ]);
});
