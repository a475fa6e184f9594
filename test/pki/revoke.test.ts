import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holdingsIn, initAuthority, renewCertificate, renewLists, revokeCertificates } from "../../src/pki/index.js";
import { describeRevoked, makeRevocationList, revocationOf } from "../../src/pki/revocation-list.js";
import { openSigner } from "../../src/pki/authorities.js";
import { CertificateFolder } from "../support/certificate-folder.js";
import { TestAuthority } from "../support/certificates.js";

const billing = { tenant: "acme", name: "billing" };
const dayMs = 86_400_000;
const superseded = { reason: "superseded" } as const;

async function daysOfList(folder: CertificateFolder): Promise<number> {
  const [list] = await folder.lists();
  return Math.round((list!.nextUpdate!.getTime() - Date.now()) / dayMs);
}

test("every certificate of somebody that is still good is revoked, and nobody else's", async () => {
  await using folder = await CertificateFolder.make();
  const [first, other] = [await folder.issue("acme/billing"), await folder.issue("acme/other")];
  const { serial } = await renewCertificate(folder.path, billing, {});
  const revocation = await revokeCertificates(folder.path, { principal: billing }, { reason: "keyCompromise" });
  const serials = [first.serialNumber, serial];
  expect(revocation.revoked.map((each) => each.serial)).toEqual(serials);
  const [list] = await folder.lists();
  expect(list!.revoked.map((each) => each.serial)).toEqual(serials);
  expect(describeRevoked(list!.revoked[0]!)).toMatchObject({ reason: "keyCompromise" });
  const { certificates } = await holdingsIn(folder.path);
  expect(certificates.filter(({ state }) => state === "valid").map((each) => each.serial)).toEqual([
    other.serialNumber,
  ]);
});

test("a list is numbered higher than the one before, keeps what was revoked, and is good for 30 days", async () => {
  await using folder = await CertificateFolder.make();
  const [one, two] = [await folder.issue("acme/one"), await folder.issue("acme/two")];
  await revokeCertificates(folder.path, { serial: one.serialNumber }, superseded);
  const [before] = await folder.lists();
  await revokeCertificates(folder.path, { serial: `0x${two.serialNumber.toLowerCase()}` }, superseded);
  const [after] = await folder.lists();
  expect(after!.number!).toBeGreaterThan(before!.number!);
  expect(after!.revoked.map((each) => each.serial)).toEqual([one.serialNumber, two.serialNumber]);
  expect(after!.revoked[0]!.entry).toEqual(before!.revoked[0]!.entry);
  expect(await daysOfList(folder)).toBe(30);
});

test("a revocation shortens the life of no list, unless that is asked for", async () => {
  await using folder = await CertificateFolder.make();
  const one = await folder.issue("acme/one");
  await renewLists(folder.path, 200);
  await revokeCertificates(folder.path, { serial: one.serialNumber }, superseded);
  expect(await daysOfList(folder)).toBe(200);
  await renewLists(folder.path, 7);
  expect(await daysOfList(folder)).toBe(7);
});

test("a list that was lost is made again from the index, with a higher number", async () => {
  await using folder = await CertificateFolder.make();
  const one = await folder.issue("acme/one");
  await revokeCertificates(folder.path, { serial: one.serialNumber }, { reason: "privilegeWithdrawn" });
  const [before] = await folder.lists();
  await rm(join(folder.path, "ca.crl"));
  await renewLists(folder.path);
  const [after] = await folder.lists();
  expect(after!.revoked.map(describeRevoked)).toEqual(before!.revoked.map(describeRevoked));
  expect(after!.number!).toBeGreaterThanOrEqual(before!.number!);
});

test("a certificate that no index knows is revoked by its file, or by its number and its authority", async () => {
  const authority = await TestAuthority.create();
  await using folder = await CertificateFolder.make({ certPem: authority.caPem, keyPem: authority.caKeyPem });
  const old = authority.issue({ principal: "acme/old" });
  const { revoked } = await revokeCertificates(folder.path, { certificate: Buffer.from(old.certPem) }, superseded);
  expect(revoked.map(({ subject }) => subject)).toEqual(["CN=old,O=acme"]);
  await expect(revokeCertificates(folder.path, { serial: "abc" }, superseded)).rejects.toThrow("--ca");
  await revokeCertificates(folder.path, { serial: "abc", ca: "ca" }, superseded);
  const again = await revokeCertificates(folder.path, { serial: "abc", ca: "ca" }, superseded);
  expect([again.before, again.lists]).toEqual([["0ABC"], []]);
  expect((await folder.lists())[0]!.revoked.map(({ serial }) => serial)).toEqual([revoked[0]!.serial, "0ABC"]);
  expect(await folder.index()).toHaveLength(1);
});

test("one of another authority is refused, and nothing is written", async () => {
  await using folder = await CertificateFolder.make();
  const stranger = (await TestAuthority.create({ commonName: "Stranger" })).issue({ principal: "acme/billing" });
  const work = revokeCertificates(folder.path, { certificate: stranger.der }, superseded);
  await expect(work).rejects.toThrow("CN=Stranger, which alone can revoke it");
  expect(await folder.files()).toEqual(["ca.crt", "ca.key"]);
});

test("revoking twice says so, and changes nothing", async () => {
  await using folder = await CertificateFolder.make();
  const one = await folder.issue("acme/billing");
  await revokeCertificates(folder.path, { principal: billing }, superseded);
  const before = await folder.read("ca.crl");
  const again = await revokeCertificates(folder.path, { principal: billing }, { reason: "keyCompromise" });
  expect(again).toEqual({ revoked: [], before: [one.serialNumber], lists: [] });
  expect(await folder.read("ca.crl")).toEqual(before);
});

test("lists of others in the same file stay as they are", async () => {
  await using folder = await CertificateFolder.make();
  await initAuthority(folder.path, { ca: "other" }, { force: false });
  const one = await folder.issue("acme/one");
  const theirs = (await folder.lists("other.crl", "other.crt"))[0]!;
  await renewLists(folder.path);
  await folder.write("ca.crl", Buffer.concat([await folder.read("ca.crl"), await folder.read("other.crl")]));
  await revokeCertificates(folder.path, { serial: one.serialNumber }, superseded);
  const lists = await folder.lists("ca.crl", "other.crt");
  expect(lists.map(({ revoked }) => revoked.length).sort()).toEqual([0, 1]);
  expect(lists.some((list) => list.issuer.equals(theirs.issuer))).toBe(true);
});

test("an authority that lies in a bundle, too, is known by the file with its key, or else with its list", async () => {
  await using folder = await CertificateFolder.make();
  const next = await TestAuthority.create();
  await folder.write("next.crt", next.caPem);
  await folder.write("next.key", next.caKeyPem);
  await folder.write("ca.crt", Buffer.concat([Buffer.from(next.caPem), await folder.read("ca.crt")]));
  const { serialNumber } = await folder.issue("acme/billing", { ca: "next" });
  const known = async () => {
    const { authorities, certificates } = await holdingsIn(folder.path);
    const states = certificates.map(({ serial, state }) => [serial, state]);
    return [authorities.map(({ stem, list }) => [stem, list?.revoked]), states];
  };
  expect(await known()).toEqual([
    [
      ["next", undefined],
      ["ca", undefined],
    ],
    [[serialNumber, "valid"]],
  ]);
  await revokeCertificates(folder.path, { principal: billing }, superseded);
  // The list alone says so.
  for (const file of ["index.txt", "next.key"]) await rm(join(folder.path, file));
  expect(await known()).toEqual([
    [
      ["next", 1],
      ["ca", undefined],
    ],
    [[serialNumber, "revoked"]],
  ]);
});

test("a list in the authority's name that it did not sign, and one that is damaged, are not built upon", async () => {
  await using folder = await CertificateFolder.make();
  const one = await folder.issue("acme/one");
  const signer = await openSigner(folder.path, "ca");
  const forger = await TestAuthority.create();
  await folder.write("other.crt", forger.caPem);
  await folder.write("other.key", forger.caKeyPem);
  const { key } = await openSigner(folder.path, "other");
  const forged = makeRevocationList(signer.certificate, key, {
    number: 1n,
    thisUpdate: new Date(),
    nextUpdate: new Date(),
    revoked: [revocationOf("AB", "unspecified")],
  });
  for (const content of [forged, Buffer.from("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n")]) {
    await folder.write("ca.crl", content);
    const work = revokeCertificates(folder.path, { serial: one.serialNumber }, superseded);
    await expect(work).rejects.toThrow(/ca\.crl (is damaged|has a list in the name of ca\.crt that it did not sign)/);
    expect(await folder.read("ca.crl")).toEqual(content);
  }
});

test("without the key of the authority nothing can be revoked, and the reason is told", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/billing");
  await rm(join(folder.path, "ca.key"));
  await expect(revokeCertificates(folder.path, { principal: billing }, superseded)).rejects.toThrow(
    "the key of CN=test",
  );
});

test("a damaged index is not written over", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/billing");
  const damaged = `${(await folder.read("index.txt")).toString()}valid\tAB\n`;
  await folder.write("index.txt", damaged);
  await expect(folder.issue("acme/other")).rejects.toThrow("index.txt:3: is not a line of this index");
  expect((await folder.read("index.txt")).toString()).toBe(damaged);
});
