import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  Authority,
  type IdentityProblem,
  IdentityRefused,
  IdentityRules,
  type Presented,
  type TenantGate,
  Trust,
  type TrustParts,
  readRevocationList,
} from "../../src/identity/index.js";
import { extension } from "../support/certificates.js";
import { der, derOid, derSequence, derTag } from "../support/der.js";
import { type ListOptions, MintedAuthority, authorityKeyOf, nameOf } from "../support/minted.js";

const dayMs = 86_400_000;
const [forServers, forClients] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"].map((usage) => [
  extension("2.5.29.37", derSequence(derOid(usage))),
]) as [Buffer[], Buffer[]];
const yesterday = new Date(Date.now() - dayMs);

/** acme and globex are declared, and bound as it is said. */
function gate(
  bound: Readonly<Record<string, readonly MintedAuthority[]>> = {},
  suspended: readonly string[] = [],
): TenantGate {
  const fingerprints = Object.fromEntries(
    Object.entries(bound).map(([tenant, authorities]) => [tenant, authorities.map((each) => fingerprintOf(each))]),
  );
  return {
    standingOf: (tenant) =>
      ["acme", "globex"].includes(tenant)
        ? { isSuspended: suspended.includes(tenant), authorities: fingerprints[tenant] }
        : undefined,
    isBreakGlass: ({ tenant, name }) => tenant === "ops" && name === "root",
    boundTo: (fingerprint) => Object.keys(fingerprints).filter((tenant) => fingerprints[tenant]!.includes(fingerprint)),
  };
}

const fingerprintOf = ({ der }: MintedAuthority): string => Authority.of(der, "test").fingerprint256;

function trustIn(authorities: readonly MintedAuthority[], changes: Partial<TrustParts> = {}): Trust {
  return new Trust({
    authorities: authorities.map(({ der }) => Authority.of(der, "ca.crt")),
    rules: IdentityRules.builtIn,
    lists: [],
    expiredLists: "refuse",
    ...changes,
  });
}

/** Of acme/billing, with what it was shown with. */
function shownBy(issuer: MintedAuthority, ...others: readonly MintedAuthority[]): Presented {
  return { leaf: issuer.client("acme/billing").der, others: others.map(({ der }) => der) };
}

function problemOf(work: () => unknown): IdentityProblem | "none" {
  try {
    work();
    return "none";
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    return error.problem;
  }
}

const judged = (trust: Trust, presented: Presented, tenants: TenantGate = gate()): IdentityProblem | "none" =>
  problemOf(() => trust.judge(presented, tenants));

describe("chains", () => {
  const root = new MintedAuthority({ name: "root" });
  const impostor = new MintedAuthority({ name: "root" });
  const other = new MintedAuthority({ name: "other" });
  const middle = new MintedAuthority({ name: "middle", by: root });
  const foreign = new MintedAuthority({ name: "foreign", by: other });
  const lower = new MintedAuthority({ name: "lower", by: middle });
  const lowest = new MintedAuthority({ name: "lowest", by: lower });
  const tooLow = new MintedAuthority({ name: "too low", by: lowest });
  const flat = new MintedAuthority({ name: "flat", by: root, pathLength: 0 });
  const belowFlat = new MintedAuthority({ name: "below flat", by: flat });
  const noAuthority = new MintedAuthority({ name: "no authority", by: root, isCa: false });
  const belowNone = new MintedAuthority({ name: "below none", by: noAuthority });
  const noSigner = new MintedAuthority({ name: "no signer", by: root, keyUsage: ["cRLSign"] });
  const lowerStill = new MintedAuthority({ name: "lower still", by: tooLow });
  const lowestOfAll = new MintedAuthority({ name: "lowest of all", by: lowerStill });
  const ofServers = new MintedAuthority({ name: "of servers", by: root, extensions: forServers });
  const ofClients = new MintedAuthority({ name: "of clients", by: root, extensions: forClients });
  const rootOfServers = new MintedAuthority({ name: "root of servers", extensions: forServers });
  const crossed = new MintedAuthority({ name: "middle", keys: middle.keys, by: other });
  const decoy = new MintedAuthority({ name: "middle", by: impostor });
  const expiredMiddle = new MintedAuthority({ name: "middle", keys: middle.keys, by: root, notAfter: yesterday });
  const selfSigned = new MintedAuthority({ name: "me" });
  // Node looks for PEM in any bytes that it is to read a certificate from.
  const holding = ({ certPem }: { certPem: string }): readonly Buffer[] => [
    extension("1.2.3.4", der(derTag.utf8String, Buffer.from(`\n${certPem}`))),
  ];
  const ofRoot = holding(root.client("acme/billing"));
  const forged = { leaf: impostor.client("acme/billing", { extensions: ofRoot }).der, others: [] };
  const disguise = { name: "no authority", keys: noAuthority.keys, extensions: holding(noAuthority) };
  const disguised = new MintedAuthority({ ...disguise, by: impostor });

  test.each<[string, readonly MintedAuthority[], Presented, IdentityProblem | "none"]>([
    ["signed by an authority", [root], shownBy(root), "none"],
    ["with the authority shown too", [root], shownBy(root, root), "none"],
    ["by nobody's authority", [root], shownBy(other), "untrusted"],
    ["by nobody's authority, which is shown", [root], shownBy(other, other), "untrusted"],
    ["by an authority of the same name with another key", [root], shownBy(impostor), "untrusted"],
    ["through an intermediate that was brought along", [root], shownBy(middle, middle), "none"],
    ["through an intermediate that was not", [root], shownBy(middle), "untrusted"],
    ["through an intermediate that is trusted by itself", [middle], shownBy(middle), "none"],
    ["through an intermediate of nobody's", [root], shownBy(decoy, decoy), "untrusted"],
    ["through one whose authority only has the name of ours", [root], shownBy(decoy, decoy, impostor), "untrusted"],
    ["with a decoy of the same name before the intermediate", [root], shownBy(middle, decoy, middle), "none"],
    ["in any order, with strangers", [root], shownBy(lower, other, middle, lower), "none"],
    ["of five certificates", [root], shownBy(lowest, lowest, lower, middle), "none"],
    ["of six certificates", [root], shownBy(tooLow, tooLow, lowest, lower, middle), "chain_too_long"],
    [
      "of eight certificates",
      [root],
      shownBy(lowestOfAll, lowestOfAll, lowerStill, tooLow, lowest, lower, middle, root),
      "chain_too_long",
    ],
    ["among ten others", [root], shownBy(root, ...Array<MintedAuthority>(10).fill(other)), "chain_too_long"],
    ["below an authority that may have none below", [root], shownBy(belowFlat, belowFlat, flat), "untrusted"],
    ["by an authority that may have none below", [root], shownBy(flat, flat), "none"],
    ["by a certificate that is no authority's", [root], shownBy(noAuthority, noAuthority), "untrusted"],
    ["by an authority that may not sign certificates", [root], shownBy(noSigner, noSigner), "untrusted"],
    ["by an authority that vouches for servers alone", [root], shownBy(ofServers, ofServers), "wrong_usage"],
    ["by an authority that vouches for clients alone", [root], shownBy(ofClients, ofClients), "none"],
    ["by an authority of ours that vouches for servers alone", [rootOfServers], shownBy(rootOfServers), "wrong_usage"],
    ["cross-signed: by the one of ours", [other], shownBy(middle, middle, crossed), "none"],
    ["cross-signed: the other is not shown", [other], shownBy(middle, middle), "untrusted"],
    ["with two authorities of one name: of the one", [root, impostor], shownBy(root), "none"],
    ["with two authorities of one name: of the other", [root, impostor], shownBy(impostor), "none"],
    ["through an intermediate that has expired", [root], shownBy(middle, expiredMiddle), "expired"],
    ["through one that was certified anew", [root], shownBy(middle, expiredMiddle, middle), "none"],
    ["by the authority of that name of which it holds another certificate", [root], forged, "untrusted"],
    [
      "through one that holds the certificate of a client of that authority",
      [root],
      shownBy(disguised, disguised),
      "untrusted",
    ],
    ["self-signed", [root], { leaf: selfSigned.der, others: [] }, "untrusted"],
    ["an authority of ours itself", [root], { leaf: root.der, others: [] }, "authority_as_client"],
    ["no certificate at all", [root], { leaf: Buffer.from("nothing"), others: [] }, "malformed"],
    ["with another that is none", [root], { ...shownBy(root), others: [Buffer.from("nothing")] }, "malformed"],
  ])("%s", (_, authorities, presented, expected) => {
    expect(judged(trustIn(authorities), presented)).toBe(expected);
  });

  const nothingShown = "that is not among the authorities, and nothing that was shown leads on from there";
  test.each([
    ["by nobody's authority", shownBy(other), `the certificate was issued by CN=other: ${nothingShown}`],
    // As of a connection whose authority was taken away: Node puts it behind what the peer showed.
    [
      "by nobody's authority, which is behind it",
      shownBy(other, other),
      `the certificate was issued by CN=other: ${nothingShown}`,
    ],
    [
      "through an intermediate that was not shown",
      shownBy(middle),
      `the certificate was issued by CN=middle: ${nothingShown}`,
    ],
    [
      "through an intermediate of nobody's",
      shownBy(foreign, foreign),
      `the certificate leads to CN=foreign, which was issued by CN=other: ${nothingShown}`,
    ],
    [
      "by an authority of the same name with another key",
      shownBy(impostor),
      "the certificate was signed in the name of CN=root, but not by the key of the authority of that name",
    ],
    [
      "by an authority of the same name with another key, which is behind it",
      shownBy(impostor, impostor),
      "the certificate was signed in the name of CN=root, but not by the key of the authority of that name",
    ],
    [
      "above an intermediate",
      shownBy(decoy, decoy),
      "the certificate leads to CN=middle, which was signed in the name of CN=root, but not by the key of the authority of that name",
    ],
    [
      "by what is no authority, above an intermediate",
      shownBy(belowNone, belowNone, noAuthority),
      "CN=below none was issued by CN=no authority, which is no authority",
    ],
  ])("the reason says how far it leads: %s", (_, presented, reason) => {
    expect(() => trustIn([root]).judge(presented, gate())).toThrow(new RegExp(`^${reason}$`));
  });

  test("an authority that is certified anew with its key vouches for what it has signed, once the first has expired too", () => {
    const old = new MintedAuthority({ name: "root", keys: root.keys, notAfter: yesterday });
    expect(judged(trustIn([old]), shownBy(root))).toBe("expired");
    expect(judged(trustIn([old, root]), shownBy(root))).toBe("none");
    expect(judged(trustIn([root, old]), shownBy(root))).toBe("none");
  });

  test("an authority of ours with a weak key vouches for nobody", () => {
    const weak = new MintedAuthority({
      signing: "rsa",
      keys: generateKeyPairSync("rsa", { modulusLength: 1024 }),
    });
    expect(judged(trustIn([weak, root]), shownBy(weak))).toBe("weak");
    expect(judged(trustIn([weak, root]), shownBy(root))).toBe("none");
  });

  test("what somebody is rests on the first certificate of the chain to end", () => {
    const soon = new Date(Math.ceil(Date.now() / 1000) * 1000 + 5_000);
    const short = new MintedAuthority({ name: "short", by: root, notAfter: soon });
    const presented = shownBy(short, short);
    const identity = trustIn([root]).judge(presented, gate());
    expect(identity).toMatchObject({
      principal: { tenant: "acme", name: "billing" },
      subject: "CN=billing,O=acme",
      issuer: "CN=short",
      endsMs: soon.getTime(),
    });
    const at = (nowMs: number) => problemOf(() => trustIn([root]).judge(presented, gate(), { nowMs }));
    expect(at(soon.getTime() - 1)).toBe("none");
    expect(at(soon.getTime())).toBe("expired");
    expect(at(Date.now() - dayMs)).toBe("not_yet_valid");
  });

  test("an authority is under the rules for its own name, however it spells that in what it has signed", () => {
    const rules = new IdentityRules([
      { id: "1", when: { issuer: new Map([["CN", "root"]]) }, tenant: { fixed: "globex" }, name: { from: "CN" } },
      { id: "2", tenant: { from: "O" }, name: { from: "CN" } },
    ]);
    for (const issuer of [root.name, nameOf({ CN: " ROOT" })]) {
      const leaf = root.client("acme/billing", { issuer }).der;
      const { principal } = trustIn([root], { rules }).judge({ leaf, others: [] }, gate());
      expect(principal).toEqual({ tenant: "globex", name: "billing" });
    }
  });

  test("an authority that is certified anew for other names vouches no more for whom it has vouched for", () => {
    const globex = derSequence(der(0xa4, nameOf({ O: "globex" })));
    const constraints = extension("2.5.29.30", derSequence(der(0xa0, globex)), true);
    const narrow = new MintedAuthority({ name: "root", keys: root.keys, extensions: [constraints] });
    const presented = shownBy(root);
    expect(judged(trustIn([root]), presented)).toBe("none");
    expect(judged(trustIn([root, narrow]), presented)).toBe("none");
    expect(() => trustIn([narrow]).judge(presented, gate(), { isLive: true })).toThrow(
      "CN=root may vouch for certain names alone, and not for the certificate",
    );
  });

  test("the reason says that it is another certificate of its authority that is wanted", () => {
    const leaf = root.client("acme/billing", { authorityKey: authorityKeyOf({ serial: other.serial }) }).der;
    expect(() => trustIn([root]).judge({ leaf, others: [] }, gate())).toThrow(
      "the certificate was signed by CN=root, but wants another certificate of it than is here (authorityKeyIdentifier)",
    );
  });

  test("authorities of one name that sign one another are walked in bounded time", () => {
    const same = Array.from({ length: 9 }, () => new MintedAuthority({ name: "same", keys: root.keys }));
    const presented = shownBy(same[0]!, ...same);
    const started = process.cpuUsage();
    expect(judged(trustIn([other]), presented)).toBe("untrusted");
    const { user } = process.cpuUsage(started);
    expect(user).toBeLessThan(100_000);
  });
});

describe("tenants", () => {
  const ours = new MintedAuthority({ name: "ours" });
  const theirs = new MintedAuthority({ name: "theirs" });
  const both = [ours, theirs];
  const below = new MintedAuthority({ name: "below", by: ours });
  const cross = new MintedAuthority({ name: "below", keys: below.keys, by: theirs });
  const of = (principal: string, issuer: MintedAuthority, ...others: MintedAuthority[]): Presented => ({
    leaf: issuer.client(principal).der,
    others: others.map(({ der }) => der),
  });

  test.each<[string, Presented, TenantGate, IdentityProblem | "none"]>([
    ["one that is not declared", of("other/x", ours), gate(), "tenant_undeclared"],
    ["break-glass, of one that is not declared", of("ops/root", ours), gate(), "none"],
    ["one that is suspended", of("acme/x", ours), gate({}, ["acme"]), "tenant_suspended"],
    ["one that is bound, by its own", of("acme/x", ours), gate({ acme: [ours] }), "none"],
    ["one that is bound, by another", of("acme/x", theirs), gate({ acme: [ours] }), "other_authority"],
    ["one that is not, by what another is bound to", of("globex/x", ours), gate({ acme: [ours] }), "other_authority"],
    ["one that is not, by what nobody is bound to", of("globex/x", theirs), gate({ acme: [ours] }), "none"],
    ["two that are bound to the same", of("globex/x", ours), gate({ acme: [ours], globex: [ours] }), "none"],
    ["break-glass, by what a tenant is bound to", of("ops/root", ours), gate({ acme: [ours] }), "other_authority"],
    ["one that is bound to what is not here", of("acme/x", ours), gate({ acme: [] }), "other_authority"],
    ["one that is bound above an intermediate", of("acme/x", below, below), gate({ acme: [ours] }), "none"],
    ["one that is bound above, through another", of("acme/x", below, cross), gate({ acme: [ours] }), "other_authority"],
  ])("%s", (_, presented, tenants, expected) => {
    expect(judged(trustIn(both), presented, tenants)).toBe(expected);
  });

  test("an intermediate among ours is no way round what its own authority is bound to, nor round the rule for that", () => {
    const bound = gate({ acme: [ours] });
    for (const trusted of [
      [ours, below],
      [below, ours],
    ]) {
      expect(judged(trustIn(trusted), of("acme/x", below), bound)).toBe("none");
      expect(judged(trustIn(trusted), of("globex/x", below), bound)).toBe("other_authority");
      expect(judged(trustIn(trusted), of("globex/x", below, below), bound)).toBe("other_authority");
    }
    const rules = new IdentityRules([
      { id: "1", when: { authorities: [fingerprintOf(ours)] }, tenant: { fixed: "globex" }, name: { from: "CN" } },
      { id: "2", tenant: { from: "O" }, name: { from: "CN" } },
    ]);
    const { principal } = trustIn([ours, below], { rules }).judge(of("acme/x", below), gate());
    expect(principal.tenant).toBe("globex");
  });

  test("an authority among ours that another of ours has certified as well vouches by itself", () => {
    const selfSigned = new MintedAuthority({ name: "below", keys: below.keys });
    const trust = trustIn([ours, below, selfSigned]);
    expect(judged(trust, of("globex/x", below), gate({ acme: [ours] }))).toBe("none");
  });

  test("an authority that is bound stays so under a certificate that another has made for its key", () => {
    const trust = trustIn([below, theirs]);
    expect(judged(trust, of("globex/x", below, cross), gate({ acme: [below] }))).toBe("other_authority");
    expect(judged(trust, of("globex/x", below, cross))).toBe("none");
  });
});

describe("revocation", () => {
  const root = new MintedAuthority({ name: "root" });
  const impostor = new MintedAuthority({ name: "root" });
  const other = new MintedAuthority({ name: "other" });
  const middle = new MintedAuthority({ name: "middle", by: root });
  const client = root.client("acme/billing");
  const belowMiddle = middle.client("acme/billing");
  const presented: Presented = { leaf: client.der, others: [] };
  const throughMiddle: Presented = { leaf: belowMiddle.der, others: [middle.der] };
  const trustWith = async (lists: readonly Buffer[], changes: Partial<TrustParts> = {}) =>
    trustIn([root, other], { lists: await Promise.all(lists.map(readRevocationList)), ...changes });
  const revoked: ListOptions = { revoked: [client.serial] };
  const expired: ListOptions = { nextUpdate: yesterday };

  test.each<[string, readonly Buffer[], Presented, IdentityProblem | "none"]>([
    ["on its authority's list", [root.list(revoked)], presented, "revoked"],
    ["on hold", [root.list({ revoked: [{ serial: client.serial, reason: 6 }] })], presented, "revoked"],
    ["taken off the list", [root.list({ revoked: [{ serial: client.serial, reason: 8 }] })], presented, "none"],
    ["on another authority's list", [other.list(revoked)], presented, "none"],
    ["on a list of the same name by another key", [impostor.list(revoked)], presented, "none"],
    ["on a list that somebody else has signed", [root.list({ ...revoked, signedBy: other })], presented, "none"],
    ["on the older of two lists", [root.list({ ...revoked, number: 4 }), root.list({ number: 5 })], presented, "none"],
    [
      "on the newer of two lists",
      [root.list({ number: 4 }), root.list({ ...revoked, number: 5 })],
      presented,
      "revoked",
    ],
    [
      "on the later of two lists, whose number is less",
      [root.list({ number: 9, thisUpdate: yesterday }), root.list({ ...revoked, number: 1 })],
      presented,
      "revoked",
    ],
    [
      "on the earlier of two lists, whose number is greater",
      [root.list({ number: 1 }), root.list({ ...revoked, number: 9, thisUpdate: yesterday })],
      presented,
      "revoked",
    ],
    ["not on a list that has expired", [root.list(expired)], presented, "revocation_unknown"],
    ["on a list that has expired", [root.list({ ...expired, ...revoked })], presented, "revoked"],
    ["another authority's list has expired", [other.list(expired)], presented, "none"],
    ["below an intermediate with a list", [middle.list({ revoked: [belowMiddle.serial] })], throughMiddle, "revoked"],
    ["below an intermediate that is revoked", [root.list({ revoked: [middle.serial] })], throughMiddle, "revoked"],
    [
      "below an intermediate whose list is another's",
      [impostor.list({ revoked: [middle.serial] })],
      throughMiddle,
      "none",
    ],
  ])("%s", async (_, lists, shown, expected) => {
    expect(judged(await trustWith(lists), shown)).toBe(expected);
  });

  test("an intermediate that its authority has revoked vouches for nobody, also among ours", async () => {
    const lists = [await readRevocationList(root.list({ revoked: [middle.serial] }))];
    for (const trusted of [
      [root, middle],
      [middle, root],
    ]) {
      expect(judged(trustIn(trusted, { lists }), { leaf: belowMiddle.der, others: [] })).toBe("revoked");
    }
  });

  test("a certificate of its authority that may sign no lists takes nothing off its list, for whoever shows it and for others", async () => {
    const silent = new MintedAuthority({ name: "middle", keys: middle.keys, by: root, keyUsage: ["keyCertSign"] });
    const trust = await trustWith([middle.list({ revoked: [belowMiddle.serial] })]);
    expect(judged(trust, { leaf: belowMiddle.der, others: [silent.der] })).toBe("revoked");
    expect(judged(trust, throughMiddle)).toBe("revoked");
  });

  test("an expired list keeps new ones out, ends none that are in, and need not count", async () => {
    const trust = await trustWith([root.list(expired)]);
    expect(problemOf(() => trust.judge(presented, gate(), { isLive: true }))).toBe("none");
    expect(judged(await trustWith([root.list(expired)], { expiredLists: "accept" }), presented)).toBe("none");
    const live = await trustWith([root.list({ ...expired, ...revoked })]);
    expect(problemOf(() => live.judge(presented, gate(), { isLive: true }))).toBe("revoked");
  });

  test("an intermediate that is revoked under one authority vouches under another", async () => {
    const crossed = new MintedAuthority({ name: "middle", keys: middle.keys, by: other });
    const shown = { leaf: belowMiddle.der, others: [middle.der, crossed.der] };
    const lists = [root.list({ revoked: [middle.serial] })];
    expect(judged(await trustWith(lists), shown)).toBe("none");
    expect(judged(await trustWith([...lists, other.list({ revoked: [crossed.serial] })]), shown)).toBe("revoked");
  });
});

describe("explained", () => {
  const root = new MintedAuthority({ name: "root" });
  const steps = (presented: Presented, tenants = gate()) =>
    trustIn([root])
      .explain(presented, tenants)
      .map(({ what, outcome }) => `${what}: ${outcome}`);

  test("it is the same walk, with every question", () => {
    const good = trustIn([root]).explain(shownBy(root), gate());
    expect(good.every(({ outcome, detail }) => outcome === "ok" && detail !== "")).toBe(true);
    expect(good).toHaveLength(9);
    expect(steps(shownBy(root), gate({}, ["acme"])).slice(-3)).toEqual([
      "the name: ok",
      "the tenant: refused",
      "the tenant's authority: not asked",
    ]);
    expect(steps(shownBy(new MintedAuthority()))[1]).toBe("the chain to an authority: refused");
    expect(steps({ leaf: Buffer.from("nothing"), others: [] })[0]).toBe("the certificates that were shown: refused");
  });
});

test("a judgement is cheap, and cheaper the second time", () => {
  const root = new MintedAuthority();
  const middle = new MintedAuthority({ by: root });
  const trust = trustIn([root]);
  const tenants = gate();
  const shown = Array.from({ length: 200 }, () => shownBy(middle, middle));
  const microseconds = () => {
    const before = process.cpuUsage();
    for (const each of shown) trust.judge(each, tenants);
    return process.cpuUsage(before).user / shown.length;
  };
  const first = microseconds();
  const again = microseconds();
  expect(again).toBeLessThan(first / 2);
});
