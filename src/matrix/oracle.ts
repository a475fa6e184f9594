/**
 * What must come of a cell, from what the axes say in plain words and from nothing else: neither the policy's nor the
 * certificates' deciding code is asked, which are what is tried.
 */
import type { Action } from "./axes/actions.js";
import type { Credential, TurnedAway } from "./axes/credentials.js";
import type { Event, Moment } from "./axes/moments.js";
import type { Resource, Right } from "./axes/resources.js";

/** One combination of the four axes. */
export interface Cell {
  readonly credential: Credential;
  readonly action: Action;
  readonly resource: Resource;
  readonly moment: Moment;
}

/** Where a refusal happens, from the outside in. */
export type Layer = "port" | "TLS" | "identity" | "request" | "policy" | "store" | "drain";

/** Whether a connection gets in. `port`: nobody listens. */
export type Entrance = "in" | TurnedAway | { readonly layer: "port"; readonly word: "refused" };

/** How a call ends. */
export type CallEnd =
  /** It does what it is for. */
  | "done"
  /** A list, without what the caller may not see. */
  | "shows nothing"
  | {
      readonly layer: Layer;
      /** Of gRPC, by its name; `cut off` where the connection ended without one. */
      readonly status: string;
      /** The stable word of an error of aclog's own; empty without one. */
      readonly reason: string;
    };

export interface Expected {
  readonly entrance: Entrance;
  readonly call: CallEnd;
  /** Whether the call is under way when the event happens, so that it is the event that ends it, if anything does. */
  readonly isUnderWay: boolean;
  /** Whether the connection stays open. */
  readonly staysConnected: boolean;
  /** What becomes of the same credential when it knocks once more, after the event. */
  readonly again: Entrance;
}

export function expectedOf({ credential, action, resource, moment }: Cell): Expected {
  const { event } = moment;
  const again = entranceAfter(credential, event);
  if (credential.entrance !== "in") {
    return { entrance: again, call: cutOff(again), isUnderWay: false, staysConnected: false, again };
  }
  const asked = onTheSpot(action, resource);
  const isBegun = action.isLater === true || asked === "done" || asked === answerOf(action);
  const isUnderWay = event !== "nothing" && action.isHeld === true && isBegun;
  const endedBefore = event !== "nothing" && action.isHeld === true && !isBegun;
  const call = endedBefore ? asked : afterEvent(asked, isUnderWay, action, event, again);
  return { entrance: "in", call, isUnderWay, staysConnected: again === "in", again };
}

/** Whoever knocks once the event has happened. */
export function entranceAfter({ entrance, needsAuthority }: Credential, event: Event): Entrance {
  if (event === "the server drains") return { layer: "port", word: "refused" };
  if (event === "the authority goes" && needsAuthority) return { layer: "TLS", word: "untrusted" };
  // Whose certificate is good in itself is turned away for his tenant, before anybody asks which authority vouches for it.
  const isNamed = entrance === "in" || entrance.word === "other_authority";
  if (event === "the tenant goes" && isNamed) return { layer: "identity", word: "tenant_undeclared" };
  if (event === "the tenant is suspended" && isNamed) return { layer: "identity", word: "tenant_suspended" };
  if (entrance !== "in") return entrance;
  if (event === "the certificate is revoked") return { layer: "identity", word: "revoked" };
  if (event === "the certificate expires") return { layer: "TLS", word: "expired" };
  return "in";
}

/** What a call comes to that was begun before the event, or is made after it on a connection from before. */
function afterEvent(asked: CallEnd, isUnderWay: boolean, action: Action, event: Event, again: Entrance): CallEnd {
  if (event === "the server drains") {
    return isUnderWay ? { layer: "drain", status: "UNAVAILABLE", reason: "SHUTTING_DOWN" } : cutOff(again);
  }
  if (again !== "in") return isUnderWay ? unauthenticated : cutOff(again);
  const isStripped = event === "the rules go" || event === "the roles go";
  return isStripped ? withoutRights(asked, isUnderWay, action) : asked;
}

/** Whoever has no right any more: what is open to everyone stays so, and what cannot be read is not judged. */
function withoutRights(asked: CallEnd, isUnderWay: boolean, { need }: Action): CallEnd {
  if (need === "nothing" || (asked === unreadable && !isUnderWay)) return asked;
  return typeof need === "object" && "shows" in need ? "shows nothing" : denied;
}

/** What a call comes to while nothing has changed. */
function onTheSpot(action: Action, resource: Resource): CallEnd {
  const { need, asksAbout } = action;
  if (need === "nothing") return "done";
  const isPattern = resource.topic(0).endsWith("*");
  const takesIt = asksAbout === "a prefix" || (asksAbout === "a topic or a pattern" && isPattern);
  const namesTopic = typeof need === "object" || asksAbout !== undefined;
  if (namesTopic && resource.isNoName && !takesIt) return unreadable;
  if (typeof need !== "object") return mayAsk(action, resource) ? answerOf(action) : denied;
  if ("shows" in need) return resource.isThere && may(resource, need.shows) ? "done" : "shows nothing";
  if (!may(resource, need.right)) return denied;
  return onTopic(action, need.right, resource);
}

/** What becomes of it when the policy allows it. */
function onTopic(action: Action, right: Right, resource: Resource): CallEnd {
  if (action.writes && resource.isServersOwn) return invalid;
  if (action.hasOneTopic) return invalid;
  if (right === "create") return resource.isThere ? exists : "done";
  if (resource.isThere || action.needsNoTopic) return "done";
  return right === "produce" && may(resource, "create") ? "done" : missing;
}

function mayAsk({ need }: Action, resource: Resource): boolean {
  const { caller, tenant } = resource;
  if (caller === "admin") return true;
  // Who may do everything in his tenant may administer its part.
  const administersPart = caller === "wild" && tenant === "acme";
  if (need === "the tenant's part") return administersPart;
  return need === "a question about oneself" && (administersPart || may(resource, "describe"));
}

function answerOf({ answer }: Action): CallEnd {
  return answer ?? "done";
}

function may({ may: rights }: Resource, right: Right): boolean {
  return rights.includes(right);
}

function cutOff(entrance: Entrance): CallEnd {
  if (entrance === "in") throw new TypeError("nobody cuts off who is welcome");
  return { layer: entrance.layer, status: "cut off", reason: "" };
}

const denied: CallEnd = { layer: "policy", status: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" };
/** Before anybody asks the policy. */
const unreadable: CallEnd = { layer: "request", status: "INVALID_ARGUMENT", reason: "INVALID_FIELD" };
/** By somebody who may. */
const invalid: CallEnd = { layer: "request", status: "INVALID_ARGUMENT", reason: "INVALID_FIELD" };
const missing: CallEnd = { layer: "store", status: "NOT_FOUND", reason: "TOPIC_NOT_FOUND" };
const exists: CallEnd = { layer: "store", status: "ALREADY_EXISTS", reason: "TOPIC_EXISTS" };
const unauthenticated: CallEnd = { layer: "identity", status: "UNAUTHENTICATED", reason: "UNAUTHENTICATED" };
