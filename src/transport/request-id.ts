import { randomUUID } from "node:crypto";
import type { Metadata } from "@grpc/grpc-js";

/** The metadata key under which a call's id comes in and goes out. */
export const requestIdKey = "x-request-id";

/** Visible ASCII, so that an id reads the same in every log. */
const sane = /^[!-~]{1,128}$/;

/**
 * The id that the caller gave its call, if it gave one of 1 to 128 visible ASCII characters; else a new one. Afterwards the
 * metadata has it, for who gets the call next.
 */
export function adoptRequestId(metadata: Metadata): string {
  const given = requestIdOf(metadata);
  if (given !== undefined && sane.test(given)) return given;
  const id = randomUUID();
  metadata.set(requestIdKey, id);
  return id;
}

/** The id of a call whose metadata went through `adoptRequestId`. */
export function requestIdOf(metadata: Metadata): string | undefined {
  const given = metadata.get(requestIdKey);
  return given.length === 1 ? String(given[0]) : undefined;
}
