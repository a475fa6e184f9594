/** In which disguises somebody tries to get in whom the real authority signed, and who must not get in all the same. */
import { type Principal, parsePrincipal } from "../names.js";
import { Likeness, type NamePlace, type TrialAuthority, type TrialContent } from "../pki/index.js";
import { misnomers } from "./axes/credentials.js";
import type { Disguise, Door, Victim } from "./disguises.js";
import type { ClientKeys } from "./stage.js";

/** One who cannot be tried. */
export interface Untried {
  readonly who: string;
  /** Why. */
  readonly untried: string;
}

/**
 * A certificate like the victim's, with another key. Each disguise is this with one fault: whoever sees it let in knows that
 * they are refused for their fault.
 */
export function likeOf({ keys }: Victim, authority: TrialAuthority): ClientKeys {
  return keysOf(authority, Likeness.of(keys.cert));
}

const who = "a certificate that the authority signed, with a fault";

/** What stands for all of them where nothing can sign them, and they are not to be left out. */
export function unsigned(noAuthority: string | undefined): readonly Untried[] {
  return noAuthority === undefined ? [] : [{ who, untried: `${noAuthority}; --no-ca-key leaves out who needs it` }];
}

/** What stands for all of them where even one without a fault is refused. */
export function noneOf({ principal }: Victim, refusal: string): Untried {
  const why = `a certificate that has nothing wrong with it, with the names of ${principal} and signed with the authority's key, is refused: ${refusal}`;
  return { who, untried: why };
}

export function signedDisguises(
  door: Door,
  victim: Victim,
  authority: TrialAuthority,
  undeclaredTenant: string,
): readonly (Disguise | Untried)[] {
  const { subject, alternativeNames } = Likeness.of(victim.keys.cert);
  const bearing = (who: string, due: string, content: TrialContent, says?: RegExp): Disguise => {
    const keys = keysOf(authority, content);
    return { who, due, ...(says && { says }), speaks: "gRPC", knock: () => door.overTls({ ...keys }) };
  };
  return [
    ...unfit.map(({ who, due, content }) => bearing(who, due, { subject, alternativeNames, ...content() })),
    ...strangers(victim, undeclaredTenant, bearing),
    ...misnamed(victim, bearing),
  ];
}

type Bearing = (who: string, due: string, content: TrialContent, says?: RegExp) => Disguise;

const unfit: readonly { who: string; due: string; content: () => Partial<TrialContent> }[] = [
  {
    who: "a certificate that has expired",
    due: "expired",
    content: () => ({ notBefore: inHours(-2), notAfter: inHours(-1) }),
  },
  { who: "a certificate for servers", due: "wrong_usage", content: () => ({ usage: "serverAuth" }) },
  {
    who: "a certificate: not yet valid",
    due: "not_yet_valid",
    content: () => ({ notBefore: inHours(1), notAfter: inHours(2) }),
  },
  { who: "a certificate: no usage", due: "wrong_usage", content: () => ({ usage: "none" }) },
  {
    who: "a certificate: an authority's, as a client's",
    due: "authority_as_client",
    content: () => ({ isCa: true }),
  },
  { who: "a certificate: weak key, RSA with 1,024 bits", due: "weak", content: () => ({ key: "weak" }) },
];

/** Of a tenant, or where a map says the tenant, of an organization, that nobody knows here. */
function strangers(victim: Victim, undeclaredTenant: string, bearing: Bearing): readonly (Disguise | Untried)[] {
  const { principal, tenant } = placesOf(victim);
  if (tenant.isShown) {
    const content = rewritten(victim, tenant, () => [undeclaredTenant]);
    return [bearing("a certificate of a tenant that is not declared", "tenant_undeclared", content)];
  }
  const who = "a certificate of an organization that is not in the map";
  if (tenant.places.length === 0) {
    return [{ who, untried: `the certificate of ${principal} has no O or OU from which a map could take the tenant` }];
  }
  const content = rewritten(victim, tenant, () => [`${undeclaredTenant}, Inc.`]);
  return [bearing(who, "no_name", content, reason("(?:O|OU) is not in the map of the rule: "))];
}

/** With something in the place of their name that is none. */
function misnamed(victim: Victim, bearing: Bearing): readonly (Disguise | Untried)[] {
  const { principal, name } = placesOf(victim);
  if (name.places.length === 0) {
    return [{ who: "a certificate without a name", untried: `nothing in the certificate of ${principal} is his name` }];
  }
  const where = name.places.join(" and ");
  const says = reason(name.places.flatMap(complaintsAbout).join("|"));
  return misnomers.map(({ name: fault, values }) =>
    bearing(`a certificate: ${fault.replace("CN", where)}`, "no_name", rewritten(victim, name, values), says),
  );
}

/** How a refusal begins that is about what stands there. */
function complaintsAbout(place: NamePlace): readonly string[] {
  const isOfSubject = place === "CN" || place === "OU" || place === "O";
  return isOfSubject
    ? [`${place} is not a valid principal name: `, `${place} is not in the map `, `the subject has two ${place} values`]
    : [`the ${place} `, "the certificate has two (?:URIs|DNS names|e-mail addresses)"];
}

function reason(beginnings: string): RegExp {
  return new RegExp(`^(?:rule [^ ]+: )?(?:${beginnings})`);
}

/** Where a certificate says something, and the text that says it. */
interface Said {
  readonly places: readonly NamePlace[];
  /** As it is known here; otherwise a map has to say what the text means. */
  readonly isShown: boolean;
  readonly word: string;
}

function placesOf({ principal, keys }: Victim): { principal: string; tenant: Said; name: Said } {
  const who = parsePrincipal(principal)!;
  const found = Likeness.placesIn(keys.cert);
  // Where a tenant and its principal are called the same, each has its usual place.
  const usual = { tenant: "O", name: "CN" } as const;
  const said = (what: keyof Principal, mapped: readonly NamePlace[], taken: readonly NamePlace[]): Said => {
    const other = what === "tenant" ? "name" : "tenant";
    const isOthers = (place: NamePlace): boolean => who.tenant === who.name && place === usual[other];
    const shown = found.filter(([place, text]) => !isOthers(place) && wholePart(who[what]).test(text));
    const chosen =
      shown.length > 0 ? shown : found.filter(([place]) => mapped.includes(place) && !taken.includes(place));
    return { places: [...new Set(chosen.map(([place]) => place))], isShown: shown.length > 0, word: who[what] };
  };
  const name = said("name", ["CN"], []);
  return { principal, name, tenant: said("tenant", ["O", "OU"], name.places) };
}

/** Names like the victim's, but for what says this. */
function rewritten(
  { keys }: Victim,
  { places, isShown, word }: Said,
  values: (word: string) => readonly string[],
): Likeness {
  return Likeness.of(keys.cert, (place, text) => {
    if (!places.includes(place)) return [text];
    if (!isShown) return values(text);
    const part = wholePart(word);
    return part.test(text) ? values(word).map((value) => text.replace(part, () => value)) : [text];
  });
}

/** The whole text, or a segment of a path, a label or what is before an `@`. */
function wholePart(word: string): RegExp {
  return new RegExp(`(?<=^|[/.@])${word.replaceAll(".", "\\.")}(?=$|[/.@])`);
}

function keysOf(authority: TrialAuthority, content: TrialContent): ClientKeys {
  const { certificatePem, keyPem } = authority.issue(content);
  return { cert: certificatePem, key: keyPem };
}

function inHours(hours: number): Date {
  return new Date(Date.now() + hours * 3_600_000);
}
