const nameOf = /^(\d{20})(?:\.([1-9]\d{0,8}))?\.(log|index)$/;

/** What the name of a segment's file says. */
export interface NamedSegment {
  readonly base: bigint;
  readonly generation: number;
  readonly isIndex: boolean;
}

/** Undefined for a file that is neither a segment nor an index. */
export function segmentOfName(name: string): NamedSegment | undefined {
  const match = nameOf.exec(name);
  if (match === null) return undefined;
  return { base: BigInt(match[1]!), generation: Number(match[2] ?? 0), isIndex: match[3] === "index" };
}
