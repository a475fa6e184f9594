import { type DirectoryFinding, keyOf } from "./findings.js";

/** How often something is looked at that changes all the time. */
const mostLooks = 10;

/**
 * What is found twice in a row. A server may be at work: what it replaces, removes or goes on writing between two reads
 * looks like damage once, and never at the same place again. `look` reads everything anew.
 */
export async function confirmed(
  look: () => Promise<readonly DirectoryFinding[]>,
  first?: readonly DirectoryFinding[],
): Promise<readonly DirectoryFinding[]> {
  let before = first ?? (await look());
  for (let looks = 1; before.length > 0; looks++) {
    const known = new Set(before.map(keyOf));
    const again = await look();
    const twice = again.filter((finding) => known.has(keyOf(finding)));
    if (twice.length === again.length) return again;
    if (looks === mostLooks) return [...twice, changing(again.find((finding) => !known.has(keyOf(finding)))!)];
    before = again;
  }
  return before;
}

function changing({ path, topic }: DirectoryFinding): DirectoryFinding {
  return {
    kind: "NOT_JUDGED",
    severity: "note",
    path,
    topic,
    found: "changes faster than it can be read twice",
    expected: "what a server leaves alone for a moment",
    next: "verify again later, or with the server stopped",
  };
}
