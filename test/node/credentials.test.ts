import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Client, type ConsumedRecord } from "../../src/client/index.js";
import { framed } from "../support/http2-client.js";
import { FramePeer, callHeaders, frame, frameType } from "../support/http2-frames.js";
import { type Minted, MintedAuthority, listPem } from "../support/minted.js";
import { consumeBytes } from "../support/raw-client.js";
import { type LogLine, type TestNode, smallStorage, startTestNode } from "../support/test-node.js";

/** The same authority, as another one has certified it. */
const certifiedBy = (by: MintedAuthority, authority: MintedAuthority, name: string): MintedAuthority =>
  new MintedAuthority({ name, keys: authority.keys, by });

/** Replaced at once, as every tool does that is worth its name. */
async function put(path: string, text: string | Buffer): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function putServer({ config }: TestNode, { certPem, keyPem }: Pick<Minted, "certPem" | "keyPem">): Promise<void> {
  await put(config.tls.cert, certPem);
  await put(config.tls.key, keyPem);
}

const pemOf = (...authorities: readonly MintedAuthority[]): string =>
  authorities.map(({ certPem }) => certPem).join("");

interface Started {
  readonly node: TestNode;
  /** Where a list of this name is looked for. */
  readonly listAt: (name: string) => string;
}

interface StartOptions {
  readonly lists?: Readonly<Record<string, Buffer | string>>;
  readonly crlExpired?: "accept";
  readonly rules?: string;
}

/** A server of the first of these authorities, with lists in a folder. */
async function start(...how: Parameters<typeof launch>): Promise<Started> {
  const started = await launch(...how);
  onTestFinished(() => started.node[Symbol.asyncDispose]());
  return started;
}

/** The same for several tests, each of which leaves it as it was. */
function startForAll(...how: Parameters<typeof launch>): () => Started {
  let started: Started;
  beforeAll(async () => {
    started = await launch(...how);
    return () => started.node[Symbol.asyncDispose]();
  });
  return () => started;
}

async function launch(
  authorities: readonly MintedAuthority[],
  { lists = {}, rules, ...tls }: StartOptions = {},
): Promise<Started> {
  let folder = "";
  const node = await startTestNode({
    storage: smallStorage,
    prepare: async (directory) => {
      folder = join(directory, "lists");
      await mkdir(folder);
      for (const [name, list] of Object.entries(lists)) await writeFile(join(folder, name), list);
      const { certPem, keyPem } = authorities[0]!.server();
      await writeFile(join(directory, "ca.crt"), pemOf(...authorities));
      await writeFile(join(directory, "server.crt"), certPem);
      await writeFile(join(directory, "server.key"), keyPem);
      const crl = { path: folder, isOptional: false };
      if (rules === undefined) return { crl, ...tls };
      const identity = join(directory, "rules.yaml");
      await writeFile(identity, rules);
      return { crl, identity, ...tls };
    },
  });
  return { node, listAt: (name) => join(folder, name) };
}

type Outcome =
  { readonly serial: string; readonly isReused: boolean; readonly session: Buffer | undefined } | "refused";

/** Whether the server lets somebody in, and with which certificate it does. */
async function knock(
  { port }: TestNode,
  ca: string,
  { certPem: cert, keyPem: key }: Partial<Minted> = {},
  options: ConnectionOptions = {},
): Promise<Outcome> {
  const who = cert === undefined ? {} : { cert, key };
  const where = { host: "127.0.0.1", port, servername: "localhost", ALPNProtocols: ["h2"] };
  const socket = connect({ ...where, ca, ...who, ...options });
  let session: Buffer | undefined;
  socket.on("session", (given: Buffer) => (session = given));
  // In TLS 1.3 a client is done before the server has judged it: only the first byte of HTTP/2 tells.
  const outcome = await new Promise<Outcome>((resolve) => {
    socket.once("data", () =>
      resolve({ serial: socket.getPeerCertificate().serialNumber, isReused: socket.isSessionReused(), session }),
    );
    socket.once("error", () => resolve("refused"));
    socket.once("close", () => resolve("refused"));
  });
  socket.destroy();
  return outcome;
}

const isIn = async (...asked: Parameters<typeof knock>): Promise<boolean> => (await knock(...asked)) !== "refused";

function clientOf(node: TestNode, ca: string, minted: Minted): Client {
  const client = Client.connect({ address: node.address, ca, cert: minted.certPem, key: minted.keyPem });
  onTestFinished(() => client.close());
  return client;
}

/** A stream that has delivered a record, and waits for the next one. */
async function follower(
  client: Client,
  topic = "orders",
): Promise<{ readonly next: Promise<IteratorResult<ConsumedRecord, void>> }> {
  await client.produce(["one"], { topic });
  const records = client.follow({ topic, from: "earliest" });
  await records.next();
  const next = records.next();
  next.catch(() => undefined);
  return { next };
}

/** The files have been taken so often. */
async function taken({ log }: TestNode, count: number): Promise<void> {
  const isTaken = ({ msg }: LogLine): boolean => msg === "new certificates or revocation lists are in force";
  await log.until(() => log.lines.filter(isTaken).length >= count);
}

/** Whether some files are refused has become this. */
async function refused(node: TestNode, value: 0 | 1): Promise<void> {
  const { log } = node;
  const told: Readonly<Record<string, number>> = {
    "not all certificates and lists could be read: of those the last good ones stay": 1,
    "the certificates and revocation lists are all in force again": 0,
  };
  await log.until(() => told[log.lines.findLast(({ msg }) => msg in told)?.msg ?? ""] === value);
  expect(await node.metric("aclog_credentials_refused")).toBe(value);
}

describe("revocation lists", () => {
  const ours = new MintedAuthority({ name: "ours" });
  const theirs = new MintedAuthority({ name: "theirs", signing: "rsa" });
  const middle = new MintedAuthority({ name: "middle", by: ours });
  const ca = pemOf(ours);

  test("one that appears ends its client's streams and keeps it out, and nobody of another authority", async () => {
    const { node, listAt } = await start([ours, theirs]);
    const minted = ours.client("acme/root");
    const client = clientOf(node, ca, minted);
    const { next } = await follower(client);
    await put(listAt("theirs.crl"), theirs.list({ revoked: [minted.serial] }));
    await taken(node, 1);
    expect(await isIn(node, ca, minted)).toBe(true);
    await put(listAt("ours.pem"), listPem(ours.list({ revoked: [minted.serial] })));
    await expect(next).rejects.toMatchObject({ codeName: "UNAUTHENTICATED" });
    expect(await isIn(node, ca, minted)).toBe(false);
    expect(await isIn(node, ca, theirs.client("globex/root"))).toBe(true);
    expect(await isIn(node, ca, ours.client("acme/root"))).toBe(true);
  });

  test("a revoked peer that neither reads nor answers is gone within a second of the list, whenever that comes", async () => {
    const { node, listAt } = await start([ours], { lists: { "ours.crl": ours.list({ number: 1 }) } });
    const minted = ours.client("acme/root");
    const { certPem: cert, keyPem: key } = minted;
    await clientOf(node, ca, minted).produce(["one"], { topic: "orders" });
    const peer = await FramePeer.connect(node.port, { ca, cert, key });
    peer.send(callHeaders("/log.v1.Log/ConsumeStream", 1));
    peer.send(frame(frameType.data, framed(consumeBytes({ tenant: "acme", topic: "orders" })), 1, 1));
    await node.metricReaches("aclog_open_consumes", 1);
    peer.socket.pause();
    // The files were looked at a moment ago: the next look is as far away as it can be.
    await put(listAt("ours.crl"), ours.list({ number: 2 }));
    await taken(node, 1);
    await put(listAt("ours.crl"), ours.list({ number: 3, revoked: [minted.serial] }));
    const replacedAt = performance.now();
    await node.metricReaches("aclog_connections", 0);
    expect(performance.now() - replacedAt).toBeLessThan(950);
    peer.socket.resume();
    await peer.closed;
  });

  test("many that are replaced together are obeyed as fast as one", async () => {
    const names = Array.from({ length: 40 }, (_none, number) => `${number + 10}.crl`);
    const empty = ours.list({ number: 1 });
    const { node, listAt } = await start([ours], { lists: Object.fromEntries(names.map((name) => [name, empty])) });
    const minted = ours.client("acme/root");
    const { next } = await follower(clientOf(node, ca, minted));
    const revoking = ours.list({ number: 2, revoked: [minted.serial] });
    for (const name of names) await put(listAt(name), name === names.at(-1) ? revoking : ours.list({ number: 1 }));
    const replacedAt = performance.now();
    await expect(next).rejects.toMatchObject({ codeName: "UNAUTHENTICATED" });
    expect(performance.now() - replacedAt).toBeLessThan(1_000);
  });

  test("an older one does not take the place of a newer one: what was revoked stays so", async () => {
    const minted = ours.client("acme/root");
    const old = ours.list({ number: 1, thisUpdate: new Date(Date.now() - 7_200_000) });
    const { node, listAt } = await start([ours], { lists: { "ours.crl": old } });
    await put(listAt("ours.crl"), ours.list({ number: 2, revoked: [minted.serial] }));
    await taken(node, 1);
    await put(listAt("ours.crl"), old);
    await refused(node, 1);
    expect(await isIn(node, ca, minted)).toBe(false);
    await put(listAt("ours.crl"), ours.list({ number: 3 }));
    await refused(node, 0);
    expect(await isIn(node, ca, minted)).toBe(true);
  });

  test("one of an intermediate is obeyed that only clients bring", async () => {
    const good = middle.client("acme/root");
    const bad = middle.client("acme/root");
    const { node } = await start([ours], { lists: { "middle.crl": middle.list({ revoked: [bad.serial] }) } });
    const shown = ({ certPem, ...rest }: Minted): Minted => ({ ...rest, certPem: certPem + pemOf(middle) });
    expect(await isIn(node, ca, shown(good))).toBe(true);
    expect(await isIn(node, ca, shown(bad))).toBe(false);
    expect(await isIn(node, ca, good)).toBe(false);
  });

  test("one that has expired keeps new clients out and ends none, unless it is to be accepted", async () => {
    const { node, listAt } = await start([ours, theirs]);
    const minted = ours.client("acme/root");
    const client = clientOf(node, ca, minted);
    const { next } = await follower(client);
    const nextUpdate = new Date(Date.now() - 1000);
    await put(listAt("ours.crl"), ours.list({ nextUpdate }));
    await taken(node, 1);
    expect(await isIn(node, ca, minted)).toBe(false);
    expect(await isIn(node, ca, theirs.client("globex/root"))).toBe(true);
    await client.produce(["two"], { topic: "orders" });
    expect((await next).done).toBe(false);
    await node.log.until(({ kind, level }) => kind === "revocation list" && level === 50);
    const lenient = await start([ours], { lists: { "ours.crl": ours.list({ nextUpdate }) }, crlExpired: "accept" });
    expect(await isIn(lenient.node, ca, minted)).toBe(true);
    const remark = "ready; revocation lists expired: ours.crl; new connections of their authorities are";
    expect(await node.probe("/readyz")).toEqual({ status: 200, body: `${remark} refused\n` });
    expect((await lenient.node.probe("/readyz")).body).toBe(`${remark} let in all the same\n`);
  });

  test("expired ones are counted until a newer one has their place, also in another file", async () => {
    const nextUpdate = new Date(Date.now() - 1000);
    const lists = {
      "ours.crl": ours.list({ number: 1, nextUpdate }),
      "middle-1.crl": middle.list({ number: 1, nextUpdate }),
      "middle-2.crl": middle.list({ number: 2 }),
    };
    const { node, listAt } = await start([ours], { lists });
    expect(await node.metric("aclog_revocation_lists_expired")).toBe(1);
    await put(listAt("ours-2.crl"), ours.list({ number: 2 }));
    await taken(node, 1);
    expect(await node.metric("aclog_revocation_lists_expired")).toBe(0);
    const strange = await node.log.until(({ msg }) => /is of none of the authorities/.test(msg));
    expect(strange.level).toBe(30);
    expect((await node.probe("/readyz")).body).toBe("ready\n");
  });

  const unknown = new MintedAuthority({ name: "ours" });
  const shared = startForAll([ours]);
  test.each<[string, (revoked: Buffer[]) => Buffer | string | undefined]>([
    ["cut short", (revoked) => ours.list({ revoked }).subarray(0, -1)],
    ["cut short as PEM", (revoked) => listPem(ours.list({ revoked })).slice(0, -20)],
    ["signed by another of its name", (revoked) => unknown.list({ revoked })],
    ["another's, so that its authority has none", () => theirs.list()],
    ["empty", () => ""],
    ["gone", () => undefined],
  ])("one that is %s is refused, visibly, and the last good one counts", async (_, spoilt) => {
    const bad = ours.client("acme/root");
    const good = ours.client("acme/root");
    const { node, listAt } = shared();
    await put(listAt("ours.crl"), ours.list({ revoked: [bad.serial] }));
    await node.reloadCredentials();
    expect(await isIn(node, ca, bad)).toBe(false);
    const bytes = spoilt([]);
    if (bytes === undefined) await rm(listAt("ours.crl"));
    else await put(listAt("ours.crl"), bytes);
    await refused(node, 1);
    expect((await node.probe("/readyz")).body).toMatch(/^ready; .*refused: ours\.crl; the last good ones are in force/);
    expect(await isIn(node, ca, bad)).toBe(false);
    expect(await isIn(node, ca, good)).toBe(true);
    await put(listAt("ours.crl"), ours.list({ revoked: [good.serial] }));
    await refused(node, 0);
    expect([await isIn(node, ca, bad), await isIn(node, ca, good)]).toEqual([true, false]);
  });

  test("a start with a damaged one is refused", async () => {
    const odd = start([ours], { lists: { "ours.crl": unknown.list() } });
    await expect(odd).rejects.toThrow(/ours\.crl: the revocation list of CN=ours is not signed by the authority/);
  });
});

describe("the server's certificate and the authorities", () => {
  const old = new MintedAuthority({ name: "root" });
  const young = new MintedAuthority({ name: "root" });

  test("another certificate and key are taken by themselves, or at once when asked, and nobody is dropped", async () => {
    const { node } = await start([old]);
    const minted = old.client("acme/root");
    const client = clientOf(node, pemOf(old), minted);
    const { next } = await follower(client);
    const serials = new Set<unknown>();
    const note = async (): Promise<void> => {
      const outcome = await knock(node, pemOf(old), minted);
      if (outcome !== "refused") serials.add(outcome.serial);
    };
    await note();
    await putServer(node, old.server());
    await taken(node, 1);
    await note();
    await putServer(node, old.server());
    await node.reloadCredentials();
    await note();
    expect(serials.size).toBe(3);
    await client.produce(["two"], { topic: "orders" });
    expect((await next).done).toBe(false);
  });

  test("as Kubernetes writes them, by one link that changes", async () => {
    const { node } = await start([old]);
    const minted = old.client("acme/root");
    const volume = async (name: string, { certPem, keyPem }: Minted): Promise<void> => {
      await mkdir(join(node.directory, name));
      await writeFile(join(node.directory, name, "tls.crt"), certPem);
      await writeFile(join(node.directory, name, "tls.key"), keyPem);
      await symlink(name, join(node.directory, "..data_tmp"));
      await rename(join(node.directory, "..data_tmp"), join(node.directory, "..data"));
    };
    await volume("..1", old.server());
    await rm(node.config.tls.cert);
    await rm(node.config.tls.key);
    await symlink("..data/tls.crt", node.config.tls.cert);
    await symlink("..data/tls.key", node.config.tls.key);
    await taken(node, 1);
    const first = await knock(node, pemOf(old), minted);
    await volume("..2", old.server());
    await taken(node, 2);
    const second = await knock(node, pemOf(old), minted);
    expect(second).not.toBe("refused");
    expect(second).not.toEqual(first);
  });

  test("an authority is rolled over: both for a while, then the old one's clients are cut off", async () => {
    const { node } = await start([old]);
    const [before, after] = [old.client("acme/root"), young.client("acme/root")];
    const client = clientOf(node, pemOf(old), before);
    const { next } = await follower(client);
    expect(await isIn(node, pemOf(old), after)).toBe(false);
    await put(node.config.tls.ca, pemOf(old, young));
    await taken(node, 1);
    expect(await isIn(node, pemOf(old), before)).toBe(true);
    expect(await isIn(node, pemOf(old), after)).toBe(true);
    const later = await follower(clientOf(node, pemOf(old), after), "later");
    await put(node.config.tls.ca, pemOf(young));
    await expect(next).rejects.toMatchObject({ codeName: "UNAUTHENTICATED" });
    expect(await isIn(node, pemOf(old), before)).toBe(false);
    expect(await isIn(node, pemOf(old), after)).toBe(true);
    await clientOf(node, pemOf(old), after).produce(["x"], { topic: "later" });
    expect((await later.next).done).toBe(false);
  });

  const server = old.server();
  const past = new Date(Date.now() - 1000);
  const shared = startForAll([old]);

  test("a damaged certificate is refused by itself, once its key had time to follow", async () => {
    const { node } = await start([old]);
    await put(node.config.tls.cert, server.certPem.slice(0, -30));
    const damagedAt = performance.now();
    await refused(node, 1);
    expect(performance.now() - damagedAt).toBeGreaterThan(2_000);
  });

  test.each<[string, (node: TestNode) => Promise<void>, RegExp]>([
    ["a damaged certificate", (node) => put(node.config.tls.cert, server.certPem.slice(0, -30)), /server\.crt/],
    ["another certificate's key", (node) => put(node.config.tls.key, server.keyPem), /server\.key/],
    ["an expired certificate", (node) => putServer(node, old.server({ notAfter: past })), /server\.crt/],
    ["a client's certificate", (node) => putServer(node, old.client("a/b")), /server\.crt/],
    ["a missing key", (node) => rm(node.config.tls.key), /server\.key/],
    ["authorities that are cut short", (node) => put(node.config.tls.ca, pemOf(old, young).slice(0, -30)), /ca\.crt/],
    ["an authority that is none", (node) => put(node.config.tls.ca, server.certPem), /ca\.crt/],
    [
      "an authority that has expired",
      (node) => put(node.config.tls.ca, pemOf(new MintedAuthority({ notAfter: past }))),
      /ca\.crt/,
    ],
    [
      "authorities in a circle",
      (node) => put(node.config.tls.ca, pemOf(certifiedBy(young, old, "root"), certifiedBy(old, young, "root"))),
      /ca\.crt/,
    ],
  ])("%s is refused, visibly, and the last good one stays", async (what, spoil, file) => {
    const { node } = shared();
    const minted = old.client("acme/root");
    const topic = what.replaceAll(/[^a-z]/g, "-");
    const { next } = await follower(clientOf(node, pemOf(old), minted), topic);
    const before = await knock(node, pemOf(old), minted);
    await spoil(node);
    // Of a certificate and its key findings are kept back for two seconds, unless somebody asks.
    if (file.test("ca.crt")) await refused(node, 1);
    await expect(node.reloadCredentials()).rejects.toMatchObject({
      findings: [{ source: expect.stringMatching(file) as string }],
    });
    await refused(node, 1);
    expect((await node.probe("/readyz")).body).toMatch(file);
    expect(await knock(node, pemOf(old), minted)).toMatchObject({ serial: (before as { serial: string }).serial });
    await put(node.config.tls.ca, pemOf(old));
    await putServer(node, old.server());
    await refused(node, 0);
    await clientOf(node, pemOf(old), minted).produce(["two"], { topic });
    expect((await next).done).toBe(false);
  });

  test("a bad list does not keep a good certificate out, nor the other way about", async () => {
    const { node, listAt } = await start([old]);
    const minted = old.client("acme/root");
    await put(listAt("old.crl"), "nothing");
    await refused(node, 1);
    const before = await knock(node, pemOf(old), minted);
    await putServer(node, old.server());
    await taken(node, 1);
    expect(await knock(node, pemOf(old), minted)).not.toEqual(before);
    await put(node.config.tls.cert, "nothing");
    await put(listAt("old.crl"), old.list({ revoked: [minted.serial] }));
    await taken(node, 2);
    expect(await isIn(node, pemOf(old), minted)).toBe(false);
  });

  test("neither TLS 1.2, nor a costly key exchange, nor a caller without a certificate, nor a resumed session gets in, before or after reloads", async () => {
    const { node, listAt } = await start([old]);
    const minted = old.client("acme/root");
    let session: Buffer | undefined;
    for (let reload = 0; reload < 3; reload++) {
      expect(await isIn(node, pemOf(old), minted, { maxVersion: "TLSv1.2" })).toBe(false);
      expect(await isIn(node, pemOf(old), minted, { ecdhCurve: "ffdhe2048" })).toBe(false);
      expect(await isIn(node, pemOf(old), {})).toBe(false);
      const outcome = await knock(node, pemOf(old), minted, { session });
      expect(outcome).toMatchObject({ isReused: false });
      if (outcome !== "refused") ({ session } = outcome);
      await putServer(node, old.server());
      await put(node.config.tls.ca, pemOf(old, ...(reload % 2 === 0 ? [young] : [])));
      await node.reloadCredentials();
    }
    await put(listAt("old.crl"), old.list({ revoked: [minted.serial] }));
    await node.reloadCredentials();
    expect(await isIn(node, pemOf(old), minted, { session })).toBe(false);
  });

  const rotations = 100;
  test("rotations in quick succession fail no call, on connections that are there and on new ones", async () => {
    const { node } = await start([old]);
    const minted = old.client("acme/root");
    const client = clientOf(node, pemOf(old), minted);
    const { next } = await follower(client);
    const callAnew = async (): Promise<void> => {
      const keys = { ca: pemOf(old), cert: minted.certPem, key: minted.keyPem };
      await using other = Client.connect({ address: node.address, ...keys });
      await other.produce(["y"], { topic: "orders" });
    };
    const servers = [old.server(), old.server()];
    for (let rotation = 0; rotation < rotations; rotation++) {
      await putServer(node, servers[rotation % 2]!);
      await put(node.config.tls.ca, rotation % 2 === 0 ? pemOf(old, young) : pemOf(young, old));
      const call = client.produce(["x"], { topic: "orders" });
      await Promise.all([node.reloadCredentials(), call, callAnew()]);
    }
    expect(await node.metric('aclog_credentials_reloads_total{result="changed"}')).toBeGreaterThanOrEqual(rotations);
    expect((await next).done).toBe(false);
  });
});

describe("tenants that are bound to an authority", () => {
  const ours = new MintedAuthority({ name: "ours" });
  const theirs = new MintedAuthority({ name: "theirs" });
  const ca = pemOf(ours);
  const tenants = (globex: string) => ({ "tenants.yaml": `tenants:\n  acme: {}\n  globex: ${globex}\n  ops: {}\n` });

  test("by a file beside the others: it alone vouches for them, and for nobody else", async () => {
    const { node } = await start([ours]);
    const acme = ours.client("acme/root");
    const globex = theirs.client("globex/root");
    const { next } = await follower(clientOf(node, ca, acme));
    const cutOff = await follower(clientOf(node, ca, ours.client("globex/root")));
    await put(join(node.directory, "theirs.crt"), pemOf(theirs));
    await node.writePolicy(tenants("{ ca: theirs.crt }"));
    await node.reloadPolicy();
    await expect(cutOff.next).rejects.toMatchObject({ codeName: "UNAUTHENTICATED" });
    expect(await isIn(node, ca, globex)).toBe(true);
    expect(await isIn(node, ca, ours.client("globex/root"))).toBe(false);
    expect(await isIn(node, ca, theirs.client("acme/root"))).toBe(false);
    await rm(join(node.directory, "theirs.crt"));
    await refused(node, 1);
    expect(await isIn(node, ca, globex)).toBe(true);
    await clientOf(node, ca, acme).produce(["two"], { topic: "orders" });
    expect((await next).done).toBe(false);
  });

  test("by a file that closes a circle of authorities: loudly nobody, and nobody else is touched", async () => {
    const { node } = await start([ours, certifiedBy(theirs, ours, "ours")]);
    await put(join(node.directory, "theirs.crt"), pemOf(certifiedBy(ours, theirs, "theirs")));
    await node.writePolicy(tenants("{ ca: theirs.crt }"));
    await node.reloadPolicy();
    await refused(node, 1);
    expect(await isIn(node, ca, theirs.client("globex/root"))).toBe(false);
    expect(await isIn(node, ca, ours.client("acme/root"))).toBe(true);
    await put(join(node.directory, "theirs.crt"), pemOf(theirs));
    await refused(node, 0);
    expect(await isIn(node, ca, theirs.client("globex/root"))).toBe(true);
  });

  test("to one that is not here: loudly nobody, and nobody else is touched", async () => {
    const { node } = await start([ours]);
    await node.writePolicy(tenants("{ ca: missing.crt }"));
    await node.reloadPolicy();
    await refused(node, 1);
    expect(await isIn(node, ca, ours.client("globex/root"))).toBe(false);
    expect(await isIn(node, ca, ours.client("acme/root"))).toBe(true);
    const authority = Array<string>(32).fill("AB").join(":");
    await node.writePolicy(tenants(`{ ca: "${authority}" }`));
    await node.reloadPolicy();
    await node.log.until((line) => line.level === 50 && line["tenant"] === "globex" && line["authority"] === authority);
    expect(await isIn(node, ca, ours.client("globex/root"))).toBe(false);
  });
});

describe("identity rules", () => {
  const ours = new MintedAuthority();
  const theirs = new MintedAuthority();
  const rule = (ca: string, tenant: string) =>
    `rules:\n  - when: { ca: ${ca} }\n    tenant: { fixed: ${tenant} }\n    name: { from: CN }\n  - tenant: { from: O }\n    name: { from: CN }\n`;

  test("another mapping ends the streams of whom it makes another, and what it names is looked at with it", async () => {
    const { node } = await start([ours, theirs], {
      rules: "rules:\n  - tenant: { from: O }\n    name: { from: CN }\n",
    });
    const minted = ours.client("acme/root");
    const { next } = await follower(clientOf(node, pemOf(ours), minted));
    await put(join(node.directory, "mapped.crt"), pemOf(theirs));
    await put(join(node.directory, "rules.yaml"), rule("mapped.crt", "globex"));
    await taken(node, 1);
    await put(join(node.directory, "rules.yaml"), rule("missing.crt", "globex"));
    await refused(node, 1);
    await put(join(node.directory, "rules.yaml"), rule("mapped.crt", "globex"));
    await refused(node, 0);
    await clientOf(node, pemOf(ours), minted).produce(["two"], { topic: "orders" });
    expect((await next).done).toBe(false);
    const { next: last } = await follower(clientOf(node, pemOf(ours), minted), "last");
    await put(join(node.directory, "mapped.crt"), pemOf(ours));
    await expect(last).rejects.toMatchObject({ codeName: "UNAUTHENTICATED" });
  });

  test("a start with a mistake in them is refused", async () => {
    await expect(start([ours], { rules: "rules: 3\n" })).rejects.toThrow(/rules\.yaml/);
  });
});
