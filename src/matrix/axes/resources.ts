/** The axis of resources: which topic a call is about, who makes it, and, in plain words, what that caller may do there. */

/** Words of a policy; the matrix has its own, so that a mistake in those of the server is found. */
export type Right = "produce" | "consume" | "describe" | "create" | "delete" | "admin";

const everything: readonly Right[] = ["produce", "consume", "describe", "create", "delete", "admin"];

/** Who calls: principals who differ in what the matrix's policy gives them. Each cell has one of its own, with a number behind. */
export type Caller = "exact" | "prefix" | "wild" | "admin";

/** Whose principals they are. */
export const tenantOf: Readonly<Record<Caller, string>> = { exact: "acme", prefix: "acme", wild: "acme", admin: "ops" };

export interface Resource {
  readonly name: string;
  readonly caller: Caller;
  readonly tenant: string;
  /** The topic of a cell; cells that are tried at the same time have different numbers. */
  readonly topic: (slot: number) => string;
  /** What the caller may do with it. */
  readonly may: readonly Right[];
  readonly isThere: boolean;
  /** No topic can have such a name. */
  readonly isNoName?: true;
  /** Only the server makes it and writes to it, whatever a policy says. */
  readonly isServersOwn?: true;
}

export const resources: readonly Resource[] = [
  {
    name: "own topic, by its exact name",
    caller: "exact",
    tenant: "acme",
    topic: (slot) => `exact-${slot}`,
    may: everything,
    isThere: true,
  },
  {
    name: "own topic, by a prefix",
    caller: "prefix",
    tenant: "acme",
    topic: (slot) => `pre.${slot}`,
    may: everything,
    isThere: true,
  },
  {
    name: "own topic, by a wildcard",
    caller: "wild",
    tenant: "acme",
    topic: (slot) => `any-${slot}`,
    may: everything,
    isThere: true,
  },
  {
    name: "denied inside what is allowed",
    caller: "wild",
    tenant: "acme",
    topic: (slot) => `cards.${slot}`,
    may: [],
    isThere: true,
  },
  {
    name: "beside his prefix",
    caller: "prefix",
    tenant: "acme",
    topic: (slot) => `pre-${slot}`,
    may: [],
    isThere: true,
  },
  {
    name: "missing, longer than his exact name",
    caller: "exact",
    tenant: "acme",
    topic: (slot) => `exact-${slot}.x`,
    may: [],
    isThere: false,
  },
  {
    name: "missing, and he may create it",
    caller: "wild",
    tenant: "acme",
    topic: (slot) => `later-${slot}`,
    may: everything,
    isThere: false,
  },
  {
    name: "missing, and he may not create it",
    caller: "prefix",
    tenant: "acme",
    topic: (slot) => `bare.${slot}`,
    may: ["produce", "consume", "describe", "delete", "admin"],
    isThere: false,
  },
  {
    name: "another tenant's topic of the same name",
    caller: "exact",
    tenant: "globex",
    topic: (slot) => `exact-${slot}`,
    may: [],
    isThere: true,
  },
  {
    name: "system topic that no line names",
    caller: "wild",
    tenant: "acme",
    topic: () => "_offsets",
    may: [],
    isThere: true,
    isServersOwn: true,
  },
  {
    name: "system topic that a line names",
    caller: "prefix",
    tenant: "acme",
    topic: () => "_offsets",
    may: everything,
    isThere: true,
    isServersOwn: true,
  },
  {
    name: "the platform's own tenant",
    caller: "wild",
    tenant: "_system",
    topic: () => "policy",
    may: [],
    isThere: false,
  },
  {
    name: "the policy, for who administers it",
    caller: "admin",
    tenant: "_system",
    topic: () => "policy",
    may: ["admin"],
    isThere: false,
  },
  ...["../", "any/../", "./"].map((steps): Resource => ({
    name: `a path: ${steps}x`,
    caller: "wild",
    tenant: "acme",
    topic: (slot) => `${steps}any-${slot}`,
    may: [],
    isThere: false,
    isNoName: true,
  })),
  ...["..", "any-*", "*"].map((name): Resource => ({
    name: name === ".." ? "a path: .." : `a pattern: ${name}`,
    caller: "wild",
    tenant: "acme",
    topic: () => name,
    may: [],
    isThere: false,
    isNoName: true,
  })),
];
