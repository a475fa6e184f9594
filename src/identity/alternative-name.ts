/**
 * The alternative names that a tenant or a name can be taken from, and what they are made of: a SPIFFE ID of its trust
 * domain and the segments of its path, a DNS name of its labels, an e-mail address of what is before the `@` and the
 * labels behind it. Compared part by part, so that no part can pass for two.
 */
export type AlternativeKind = "spiffe" | "dns" | "email";

/** The parts, or why the text is not what it should be. */
export type Parts = { readonly parts: readonly string[] } | { readonly problem: string };

interface Grammar {
  /** What a value is called. */
  readonly label: string;
  readonly many: string;
  /** In characters, which are bytes here. */
  readonly maxLength: number;
  /** Where the text falls into parts; its parts may be no good. */
  readonly split: (text: string) => Parts;
  /** Why a part that is in this place, from 0, cannot be there. */
  readonly problemOf: (part: string, place: number) => string | undefined;
}

const scheme = "spiffe://";
// What the SPIFFE ID specification, 2.1 and 2.2, leaves: no port, no user, no query, no fragment, nothing escaped.
const trustDomain = /^[a-z0-9._-]+$/;
const pathSegment = /^[A-Za-z0-9._-]+$/;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// RFC 5321, 4.1.2, a Dot-string, without what a pattern could be mistaken for.
const localPart = /^[A-Za-z0-9!#$%&'+/=?^_`|~-]+(?:\.[A-Za-z0-9!#$%&'+/=?^_`|~-]+)*$/;

export const alternativeKinds: Readonly<Record<AlternativeKind, Grammar>> = {
  spiffe: {
    label: "SPIFFE ID",
    many: "URIs",
    maxLength: 2048,
    split: (text) => {
      if (!text.startsWith(scheme)) return { problem: `does not begin with ${scheme}` };
      return { parts: text.slice(scheme.length).split("/") };
    },
    problemOf: (part, place) => {
      if (place === 0) return trustDomain.test(part) && part.length <= 255 ? undefined : "has a malformed trust domain";
      if (part === "") return "has an empty path segment";
      if (part === "." || part === "..") return `has a path segment that is ${part}`;
      return pathSegment.test(part) ? undefined : "has a character in its path that no SPIFFE ID has";
    },
  },
  dns: {
    label: "DNS name",
    many: "DNS names",
    maxLength: 253,
    split: (text) => ({ parts: text.split(".") }),
    problemOf: problemOfLabel,
  },
  email: {
    label: "e-mail address",
    many: "e-mail addresses",
    maxLength: 254,
    split: (text) => {
      const [local, domain, ...rest] = text.split("@");
      if (local === undefined || domain === undefined || rest.length > 0) return { problem: "has not exactly one @" };
      return { parts: [local, ...domain.split(".")] };
    },
    problemOf: (part, place) => {
      if (place > 0) return problemOfLabel(part);
      return localPart.test(part) && part.length <= 64 ? undefined : "has a malformed part before its @";
    },
  },
};

function problemOfLabel(part: string): string | undefined {
  if (part === "") return "has an empty label";
  if (part === "*") return "has a wildcard";
  if (/[A-Z]/.test(part)) return "has a capital letter";
  return label.test(part) ? undefined : "has a malformed label";
}

/** The parts of a value that somebody's certificate has. */
export function partsOf(kind: AlternativeKind, text: string): Parts {
  const { maxLength, split, problemOf } = alternativeKinds[kind];
  if (text === "") return { problem: "is empty" };
  if (text.length > maxLength) return { problem: `is longer than ${maxLength} bytes` };
  const found = split(text);
  if ("problem" in found) return found;
  if (kind === "spiffe" && found.parts.length === 1) return { problem: "has no path" };
  for (const [place, part] of found.parts.entries()) {
    const problem = problemOf(part, place);
    if (problem !== undefined) return { problem };
  }
  return found;
}
