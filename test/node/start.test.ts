import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { type Server, type Socket, connect as connectTcp, createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Config } from "../../src/config/index.js";
import { OperatorError } from "../../src/errors.js";
import { startNode } from "../../src/node/index.js";
import { TestAuthority } from "../support/certificates.js";
import { LogLines, type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
let taken: Server;
let directory: string;
let port: number;
beforeAll(async () => {
  node = await startTestNode();
  directory = await mkdtemp(join(tmpdir(), "aclog-start-"));
  const other = (await TestAuthority.create()).server();
  const expired = node.authority.issue({ principal: "a/b", notAfter: new Date(Date.now() - 1000) });
  await writeFile(join(directory, "empty"), "");
  const garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  await writeFile(join(directory, "garbage"), garbage);
  await writeFile(join(directory, "half"), node.authority.caPem + garbage);
  await writeFile(join(directory, "ca.der"), new X509Certificate(node.authority.caPem).raw);
  await writeFile(join(directory, "other.key"), other.keyPem);
  await writeFile(join(directory, "expired.crt"), expired.certPem);
  await writeFile(join(directory, "expired.key"), expired.keyPem);
  const client = node.authority.issue({ principal: "a/b" });
  await writeFile(join(directory, "client.crt"), client.certPem);
  await writeFile(join(directory, "client.key"), client.keyPem);
  await mkdir(join(directory, "no-policy"));
  await mkdir(join(directory, "other-things"));
  await writeFile(join(directory, "other-things", "main.c"), "");
  await mkdir(join(directory, "half-data"));
  await writeFile(join(directory, "half-data", "journal"), "");
  taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  port = (taken.address() as AddressInfo).port;
});
afterAll(async () => {
  taken.close();
  await rm(directory, { recursive: true });
  await node[Symbol.asyncDispose]();
});

describe("what whoever runs it can mend is an OperatorError that says what, and nothing stays open", () => {
  const tls = (changes: Partial<Config["tls"]>) => (): Partial<Config> => ({ tls: { ...node.config.tls, ...changes } });
  const file = (name: string) => join(directory, name);
  const mistakes: Readonly<Record<string, readonly [() => Partial<Config>, RegExp]>> = {
    "a missing authority": [
      () => tls({ ca: file("missing") })(),
      /`aclog certs init` makes .* --ca, --cert and --key .*\n.*missing: there is no such file/,
    ],
    "an authority that is a folder": [() => tls({ ca: directory })(), /: is a directory, not a file/],
    "an authority that is not PEM": [
      () => tls({ ca: file("ca.der") })(),
      /ca\.der: this is not an authority's certificate, as PEM/,
    ],
    "an authority with a broken one behind it": [
      () => tls({ ca: file("half") })(),
      /half: this is not an authority's certificate, as PEM/,
    ],
    "an empty authority": [() => tls({ ca: file("empty") })(), /empty: this is not an authority's certificate, as PEM/],
    "an authority that is none": [() => tls({ ca: node.config.tls.cert })(), /not an authority's/],
    "a certificate that is none": [() => tls({ cert: file("garbage") })(), /garbage: this is not a certificate/],
    "a key that is none": [() => tls({ key: file("garbage") })(), /garbage: this is not a private key/],
    "another certificate's key": [
      () => tls({ key: file("other.key") })(),
      /^cannot serve with these certificates\n.*other\.key: this key does not belong/,
    ],
    "an expired certificate": [
      () => tls({ cert: file("expired.crt"), key: file("expired.key") })(),
      /expired\.crt: this certificate expired/,
    ],
    "a client's certificate": [
      () => tls({ cert: file("client.crt"), key: file("client.key") })(),
      /client\.crt: this certificate is not for servers/,
    ],
    "a port that is taken": [
      () => ({ listen: { host: "127.0.0.1", port } }),
      /cannot listen on 127\.0\.0\.1:\d+: something else/,
    ],
    "a probe port that is taken": [
      () => ({ adminListen: { host: "127.0.0.1", port } }),
      /cannot listen on 127\.0\.0\.1:\d+/,
    ],
    "an address of another machine": [() => ({ listen: { host: "192.0.2.1", port: 0 } }), /does not have that address/],
    "one port for clients and probes": [
      () => ({ listen: { host: "127.0.0.1", port }, adminListen: { host: "127.0.0.1", port } }),
      /clients and probes cannot both be served on 127\.0\.0\.1:\d+: --listen and --admin-listen have to differ/,
    ],
    "a folder of other things as data directory": [
      () => ({ dataDir: file("other-things") }),
      /other-things is no data directory: it holds other things, such as "main\.c", and no format\.json/,
    ],
    "a data directory with a file in a folder's place": [
      () => ({ dataDir: file("half-data") }),
      /half-data\/journal is a file, and has to be a folder/,
    ],
    "a data directory in use": [() => ({ dataDir: node.config.dataDir }), /data/],
    "a policy that is missing": [
      // Where there has been one before, a server starts with that.
      () => ({ policyDir: file("no-policy"), dataDir: file("no-data") }),
      /no-policy cannot be used: there is none; --policy names the folder .* the files in .*\/policy are one to begin with/,
    ],
  };
  test.each(Object.entries(mistakes))("%s", async (_name, [changes, words]) => {
    const config = { ...node.config, dataDir: join(directory, "data"), ...changes() };
    const failure = await startNode(config, new LogLines().logger).then(
      () => expect.fail("it started"),
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(OperatorError);
    expect((failure as OperatorError).message).toMatch(words);
    // The data directory is free again, and so is every port: the same configuration without the mistake starts.
    const started = await startNode({ ...node.config, dataDir: join(directory, "data") }, new LogLines().logger);
    await started.drain();
  });

  test("a full disk, and how much room its journal needs", async ({ skip }) => {
    const disk = join(directory, "disk");
    await mkdir(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      return skip("not checked: a full disk needs the right to mount a tmpfs");
    }
    try {
      const dataDir = join(disk, "data");
      const failure: unknown = await startNode({ ...node.config, dataDir }, new LogLines().logger).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(OperatorError);
      expect((failure as OperatorError).message).toMatch(
        /^the data directory .*\/data cannot be used: its disk is full \(ENOSPC.*\)\. A file of the journal takes \d+ bytes, .* more than \d+ bytes are free\. Make room and start again; nothing that was stored is lost$/,
      );
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  });

  test("every mistake in the certificates at once", async () => {
    const config = { ...node.config, ...tls({ ca: file("empty"), cert: file("garbage"), key: file("missing") })() };
    const failure = startNode({ ...config, dataDir: join(directory, "data") }, new LogLines().logger);
    await expect(failure).rejects.toMatchObject({ findings: [{}, {}, {}] });
  });
});

describe("the probe port", () => {
  test.each([
    ["/healthz", 200, "ok\n"],
    ["/readyz", 200, "ready\n"],
    ["/readyz?verbose", 200, "ready\n"],
    ["/", 404, "there are /healthz, /readyz and /metrics\n"],
    ["/metrics/acme", 404, "there are /healthz, /readyz and /metrics\n"],
  ])("answers %s with %i", async (path, status, body) => {
    expect(await node.probe(path)).toEqual({ status, body });
  });

  test("says that nothing is stored when the disk is full, and calls that read go on", async () => {
    // No disk has room for this journal.
    await using full = await startTestNode({ storage: { journalFiles: Number.MAX_SAFE_INTEGER } });
    const { status, body } = await full.probe("/readyz");
    expect([status, body]).toEqual([503, expect.stringMatching(/^the disk is full: nothing is stored/)]);
    expect(await full.metric("aclog_ready")).toBe(0);
    await expect(full.as("acme/root").produce("v")).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    expect((await full.as("acme/root").topics.list().next()).value).toMatchObject({ topic: "default" });
  });

  test("can be read from and not written to", async () => {
    const { adminAddress } = await node.log.until(({ msg }) => msg === "serving");
    const url = `http://${String(adminAddress)}/healthz`;
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const method of ["POST", "PUT", "DELETE"]) {
      const answer = await fetch(url, { method });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
  });
});

test("a connection that never begins its handshake does not hold up the end", async () => {
  const own = await startTestNode();
  const silent: Socket = connectTcp(own.port, "127.0.0.1");
  silent.on("error", () => undefined);
  await once(silent, "connect");
  // It has been accepted when a later one was served.
  await own.as("acme/root").produce("v");
  const closed = once(silent.resume(), "close");
  await own[Symbol.asyncDispose]();
  await closed;
});
