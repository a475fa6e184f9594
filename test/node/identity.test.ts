import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { appendFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { type ConnectionOptions, type TLSSocket, connect as connectTls, createSecureContext } from "node:tls";
import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type IssueOptions, TestAuthority, extension } from "../support/certificates.js";
import { der, derOid, derSequence, derTag } from "../support/der.js";
import { MintedAuthority } from "../support/minted.js";
import { type LogLine, type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
let other: TestAuthority;
let namesake: TestAuthority;
const company = new MintedAuthority();
beforeAll(async () => {
  node = await startTestNode({
    prepare: async (directory) => {
      await appendFile(join(directory, "ca.crt"), company.certPem);
      return {};
    },
  });
  other = await TestAuthority.create();
  const { subject } = new X509Certificate(node.authority.caPem);
  namesake = await TestAuthority.create({ commonName: subject.replace("CN=", "") });
});
afterAll(() => node[Symbol.asyncDispose]());

const principal = "acme/root";

interface Stranger {
  readonly keys: () => ConnectionOptions;
  /** What the server's log says. */
  readonly says: RegExp;
  /** The word that it is counted by. */
  readonly kind: string;
  /** As the log has it; null: it never came so far that a certificate was shown. */
  readonly subject?: string | null;
}

function issued(authority: () => TestAuthority, options: IssueOptions): () => ConnectionOptions {
  return () => {
    const { certPem, keyPem } = authority().issue(options);
    return { cert: certPem, key: keyPem };
  };
}

const ours = (options: IssueOptions) => issued(() => node.authority, { principal, ...options });
const longAgo = { notBefore: new Date(Date.now() - 2 * 86_400_000), notAfter: new Date(Date.now() - 86_400_000) };

/** A critical extension 1.2.3 with nothing in it (RFC 5280, 4.2). */
const unknownCritical = Buffer.from("300906022a030101ff0400", "hex");

const keyEncipherment = extension("2.5.29.15", der(derTag.bitString, Buffer.from([5, 0x20])), true);

/** By an intermediate of which its own certificate says this. */
function below(limit: Buffer): () => ConnectionOptions {
  return () => {
    const middle = new MintedAuthority({ by: company, extensions: [limit] });
    const { certPem, keyPem } = middle.client(principal);
    return { cert: certPem + middle.certPem, key: keyPem };
  };
}

/** RFC 5280, 4.2.1.10: for directory names below O=globex alone. */
const organization = derSequence(derOid("2.5.4.10"), der(derTag.utf8String, Buffer.from("globex")));
const globexAlone = derSequence(der(0xa0, derSequence(der(0xa4, derSequence(der(derTag.set, organization))))));

const strangers: Readonly<Record<string, Stranger>> = {
  "no certificate": {
    keys: () => ({}),
    says: /did not return a certificate/,
    kind: "no_certificate",
    subject: null,
  },
  "another authority's": {
    keys: issued(() => other, { principal }),
    says: /authority is not trusted/,
    kind: "untrusted",
  },
  "that of an authority of the same name": {
    keys: issued(() => namesake, { principal }),
    says: /same name|not trusted/,
    kind: "untrusted",
  },
  "one for servers only": { keys: ours({ usages: ["serverAuth"] }), says: /clientAuth/, kind: "wrong_usage" },
  "one without usages": { keys: ours({ usages: "none" }), says: /usage/, kind: "wrong_usage" },
  "one with which nobody may sign": {
    keys: ours({ keyUsage: "none", extensions: [keyEncipherment] }),
    says: /key usage lacks digitalSignature/,
    kind: "wrong_usage",
  },
  "an expired one": { keys: ours(longAgo), says: /has expired/, kind: "expired" },
  "one that is signed with SHA-1, for which OpenSSL has no word": {
    keys: () => ({ ...ours({ hash: "sha1" })(), ciphers: "DEFAULT:@SECLEVEL=0" }),
    says: /is signed with SHA-1/,
    kind: "weak",
  },
  "one with an extension that nobody knows and everybody must": {
    keys: ours({ extensions: [unknownCritical] }),
    says: /1\.2\.3/,
    kind: "untrusted",
  },
  "that of an authority for other names": {
    keys: below(extension("2.5.29.30", globexAlone, true)),
    says: /permitted subtree violation/,
    kind: "untrusted",
  },
  "that of an authority for servers": {
    keys: below(extension("2.5.29.37", derSequence(derOid("1.3.6.1.5.5.7.3.1")))),
    says: /an authority above it, lacks the clientAuth usage/,
    kind: "wrong_usage",
  },
  "one that is not valid yet": {
    keys: ours({ notBefore: new Date(Date.now() + 3_600_000) }),
    says: /not valid yet/,
    kind: "not_yet_valid",
  },
  "one with two common names": {
    keys: ours({
      subject: [
        { type: "O", value: "acme" },
        { type: "CN", value: "root" },
        { type: "CN", value: "billing" },
      ],
    }),
    says: /CN/,
    kind: "no_name",
    subject: "CN=billing,CN=root,O=acme",
  },
  "one of a tenant that is not declared": {
    keys: ours({ principal: "initech/root" }),
    says: /initech/,
    kind: "tenant_undeclared",
    subject: "CN=root,O=initech",
  },
  "one of the platform": {
    keys: ours({ principal: "_system/root" }),
    says: /_system|not a/,
    kind: "no_name",
    subject: "CN=root,O=_system",
  },
  "a TLS 1.2 client's": {
    keys: () => ({ ...node.keysOf(principal), maxVersion: "TLSv1.2" }),
    says: /no TLS 1\.3/,
    kind: "protocol",
    subject: null,
  },
  "a client's that would have the server reckon with numbers of 8192 bits": {
    keys: () => ({ ...node.keysOf(principal), ecdhCurve: "ffdhe8192" }),
    says: /key exchange/,
    kind: "protocol",
    subject: null,
  },
  "a client's that takes no signature of the server's key": {
    keys: () => ({ ...node.keysOf(principal), sigalgs: "ed25519" }),
    says: /signature/,
    kind: "protocol",
    subject: null,
  },
  "a client's that speaks no HTTP/2": {
    keys: () => ({ ...node.keysOf(principal), ALPNProtocols: ["http/1.1"] }),
    says: /no application protocol/,
    kind: "protocol",
    subject: null,
  },
};

describe("whoever shows a certificate that makes no principal never reaches HTTP/2", () => {
  for (const [name, { keys, says, kind, subject = "CN=root,O=acme" }] of Object.entries(strangers)) {
    test(name, async () => {
      const counter = `aclog_connections_refused_total{reason="${kind}"}`;
      const refused = await node.metric(counter);
      const before = node.log.lines.length;
      const socket = connectTls({
        host: "127.0.0.1",
        servername: "localhost",
        port: node.port,
        ca: node.authority.caPem,
        ALPNProtocols: ["h2"],
        ...keys(),
      });
      expect(await bytesUntilClosed(socket)).toBe(0);
      await node.metricReaches(counter, refused + 1);
      const line = node.log.lines.slice(before).find(({ msg }) => msg === "connection refused");
      expect(line).toMatchObject({ level: 40, peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string });
      expect(line!["reason"]).toMatch(says);
      const serial = subject === null ? undefined : (expect.stringMatching(/^[0-9A-F]{32}$/) as string);
      expect(line).toMatchObject({ kind, ...(subject !== null && { subject, serial }) });
      if (subject !== null) expect(line!["issuer"]).toMatch(/^CN=/);
      expect("subject" in line!, "whether a certificate was shown").toBe(subject !== null);
      await node.as(principal).produce("v", { topic: "a" });
    });
  }
});

test("a gRPC client with another authority's certificate sees UNAVAILABLE", async () => {
  const { certPem, keyPem } = other.issue({ principal });
  const context = createSecureContext({ ca: node.authority.caPem, cert: certPem, key: keyPem });
  const client = new GrpcClient(node.address, credentials.createFromSecureContext(context));
  const asIs = (bytes: Buffer): Buffer => bytes;
  const error = await new Promise<{ code: number } | null>((resolve) => {
    client.makeUnaryRequest("/log.v1.Log/Produce", asIs, asIs, Buffer.alloc(0), (failure) => resolve(failure));
  });
  expect(error?.code).toBe(14);
  client.close();
});

test("a session cannot be resumed", async () => {
  const options = {
    host: "127.0.0.1",
    servername: "localhost",
    port: node.port,
    ALPNProtocols: ["h2"],
    ...node.keysOf(principal),
  };
  const first = connectTls(options);
  const sessions: Buffer[] = [];
  first.on("session", (session) => sessions.push(session));
  await once(first, "secureConnect");
  // The server's first HTTP/2 bytes come behind any ticket.
  await once(first, "data");
  const session = sessions[0] ?? first.getSession();
  first.destroy();
  const second = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
  await once(second, "data");
  expect(second.isSessionReused()).toBe(false);
  second.destroy();
});

const garbage: Readonly<Record<string, readonly [bytes: Buffer, says: RegExp]>> = {
  "HTTP/1 in the clear": [Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), /HTTP without TLS/],
  "HTTP/2 in the clear": [Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), /no TLS/],
  zeros: [Buffer.alloc(4096), /no TLS/],
  "a handshake that is none": [Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0]), Buffer.alloc(0x4000, 0xff)]), /./],
};
test.each(Object.entries(garbage))("%s is refused, and nobody else minds", async (_name, [bytes, says]) => {
  const before = node.log.lines.length;
  const counter = 'aclog_connections_refused_total{reason="protocol"}';
  const refused = await node.metric(counter);
  const socket = connectTcp(node.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(bytes);
  await once(socket, "close");
  await node.metricReaches(counter, refused + 1);
  // A client that an earlier test has left may try again meanwhile.
  const line = node.log.lines.slice(before).find(({ kind }) => kind === "protocol");
  expect(line).toMatchObject({ msg: "connection refused", reason: expect.stringMatching(says) as string });
  await node.as(principal).produce("v", { topic: "a" });
});

test("a client that gives up, or does not know the server's authority, is told apart from one that is refused", async () => {
  const before = node.log.lines.length;
  const socket = connectTls({ host: "127.0.0.1", port: node.port, ca: other.caPem, ALPNProtocols: ["h2"] });
  expect(await bytesUntilClosed(socket)).toBe(0);
  const gone = connectTcp(node.port, "127.0.0.1");
  await once(gone, "connect");
  gone.destroy();
  const isGivenUp = (line: LogLine): boolean => line["kind"] === "gave_up";
  while (node.log.lines.slice(before).filter(isGivenUp).length < 2) await new Promise(setImmediate);
  const reasons = node.log.lines
    .slice(before)
    .filter(isGivenUp)
    .map((line) => line["reason"]);
  expect(reasons).toEqual(expect.arrayContaining([expect.stringMatching(/does not know the authority|gave up/)]));
});

test("a connection that does not finish its handshake is cut after ten seconds, also one of which bytes trickle in", async () => {
  const before = node.log.lines.length;
  const counter = 'aclog_connections_refused_total{reason="timeout"}';
  const refused = await node.metric(counter);
  const started = performance.now();
  const ends = [false, true].map(async (trickles) => {
    const socket = connectTcp(node.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    // A handshake's first record, as long as they get: a byte now and then.
    if (trickles) socket.write(Buffer.from([0x16, 3, 1, 0x3f, 0xff]));
    const trickle = setInterval(() => trickles && socket.write(Buffer.from([1])), 500);
    await once(socket, "close");
    clearInterval(trickle);
    return performance.now() - started;
  });
  for (const tookMs of await Promise.all(ends)) expect(Math.abs(tookMs - 10_250)).toBeLessThan(500);
  // Each once, although Node tells of their end too.
  await node.as(principal).produce("v", { topic: "a" });
  expect(await node.metric(counter)).toBe(refused + 2);
  const lines = node.log.lines.slice(before).filter(({ kind }) => kind === "timeout");
  const reason = "the handshake was not finished within 10 seconds";
  expect(lines).toMatchObject([
    { kind: "timeout", reason },
    { kind: "timeout", reason },
  ]);
});

test("what is no HTTP/2 behind a good handshake ends that connection alone", async () => {
  const options = { host: "127.0.0.1", servername: "localhost", port: node.port, ALPNProtocols: ["h2"] };
  for (const [name, [bytes]] of Object.entries(garbage)) {
    // That is how HTTP/2 begins, and may be quiet afterwards.
    if (name.startsWith("HTTP/2")) continue;
    const socket = connectTls({ ...options, ...node.keysOf("acme/nobody") });
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(bytes);
    await once(socket, "close");
    await node.as(principal).produce("v", { topic: "a" });
  }
});

/** Application data that comes before the connection ends; an end of any kind is what is waited for. */
async function bytesUntilClosed(socket: TLSSocket): Promise<number> {
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("close", resolve));
  return bytes;
}
