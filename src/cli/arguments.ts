/** Values of flags that are more than text. */
import { InvalidArgumentError } from "commander";
import { type Address, parseAddress } from "../address.js";
import {
  isGroupName,
  isSystemName,
  isTenantName,
  isTopicName,
  nameRules,
  parsePrincipal,
  type Principal,
} from "../names.js";

/** @throws InvalidArgumentError unless it is a whole number that an offset can be */
export function parseOffset(text: string): bigint {
  const offset = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (offset === undefined || offset >= 1n << 64n) throw new InvalidArgumentError("An offset counts from 0 to 2^64-1.");
  return offset;
}

/** @throws InvalidArgumentError unless it is a whole number from 1 */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError("A whole number from 1 is needed.");
  }
  return count;
}

/** @throws InvalidArgumentError unless it could be a topic's name */
export function parseTopic(text: string): string {
  if (!isTopicName(text)) throw new InvalidArgumentError(`A topic's name is ${nameRules.topic}.`);
  return text;
}

/**
 * For commands that only look: a policy can open the topics that the server makes, such as `_offsets`.
 * @throws InvalidArgumentError unless it could be the name of a topic that is there
 */
export function parseExistingTopic(text: string): string {
  return isSystemName(text) ? text : parseTopic(text);
}

/** @throws InvalidArgumentError unless it could be a tenant's name, or the platform's own */
export function parseTenant(text: string): string {
  if (isTenantName(text) || isSystemName(text)) return text;
  throw new InvalidArgumentError(`A tenant's name is ${nameRules.tenant}.`);
}

/** @throws InvalidArgumentError unless it could be a consumer group's name */
export function parseGroup(text: string): string {
  if (!isGroupName(text)) throw new InvalidArgumentError(`A consumer group's name is ${nameRules.group}.`);
  return text;
}

/** @throws InvalidArgumentError unless it could be a principal's name */
export function parseWhom(text: string): Principal {
  const principal = parsePrincipal(text);
  if (principal === undefined) throw new InvalidArgumentError(`It ${notPrincipal(text)}.`);
  return principal;
}

/** What to say of a text that is no principal's name. */
export function notPrincipal(text: string): string {
  const lower = text.toLowerCase();
  const hint =
    parsePrincipal(lower) === undefined ? ", such as acme/billing" : `: names are lower-case, as in ${lower}`;
  return `is not TENANT/NAME${hint}`;
}

/** @throws InvalidArgumentError unless it is where a server can be */
export function parseServer(text: string): Address {
  const address = parseAddress(text);
  if (!address?.port) throw new InvalidArgumentError("It is not HOST:PORT, such as localhost:8400.");
  return address;
}

/** @throws InvalidArgumentError for an empty text, as an unset variable of a script leaves it */
export function parsePath(text: string): string {
  if (text === "") throw new InvalidArgumentError("A path must not be empty.");
  return text;
}

/** For a flag that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
