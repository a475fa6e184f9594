import type { Position, PositionKey } from "./group-positions.js";

/**
 * How a position is written to `_offsets`: the key is `TENANT/TOPIC/GROUP`, the value JSON, so that whoever may read the
 * topic can read it. A record without a value says that the position is forgotten.
 */
export function encodePosition(
  key: PositionKey,
  position: Position | undefined,
): { readonly key: Buffer; readonly value: Buffer } {
  const value = position === undefined ? "" : JSON.stringify({ ...position, offset: `${position.offset}` });
  return { key: Buffer.from(keyText(key)), value: Buffer.from(value) };
}

/** What a record says. @throws Error when it says nothing that this server would have written */
export function decodePosition(record: { readonly key: Buffer; readonly value: Buffer }): {
  readonly key: PositionKey;
  readonly position: Position | undefined;
} {
  const [tenant, topic, group, ...rest] = record.key.toString().split("/");
  if (tenant === undefined || topic === undefined || group === undefined || rest.length > 0) {
    throw new Error("the key is not TENANT/TOPIC/GROUP");
  }
  const key = { tenant, topic, group };
  if (record.value.length === 0) return { key, position: undefined };
  const { topicId, offset, committedMs, by } = JSON.parse(record.value.toString()) as Partial<Record<string, unknown>>;
  if (typeof topicId !== "string" || !/^[0-9a-f]{32}$/.test(topicId)) throw new Error("there is no topic id");
  if (typeof offset !== "string" || !/^\d{1,20}$/.test(offset)) throw new Error("there is no offset");
  if (typeof committedMs !== "number" || typeof by !== "string") throw new Error("when or by whom is missing");
  return { key, position: { topicId, offset: BigInt(offset), committedMs, by } };
}

/** One text for each key: no name has a slash. */
export function keyText({ tenant, topic, group }: PositionKey): string {
  return `${tenant}/${topic}/${group}`;
}

/** By tenant, then topic, then group. Their text would sort otherwise: `-` and `.` come before the slash. */
export function compareKeys(one: PositionKey, other: PositionKey): number {
  return compare(one.tenant, other.tenant) || compare(one.topic, other.topic) || compare(one.group, other.group);
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
