import type { Pace } from "../authz/index.js";
import { editDistance } from "../suggest.js";

/** Names that differ by at most so many letters may be meant for each other; more so the longer they are. */
const maxTypos = 3;

/** In how many letters they differ; undefined for names that are not much alike. */
export function typosBetween(one: string, other: string): number | undefined {
  const most = Math.min(maxTypos, Math.max(1, Math.floor(one.length / 3)));
  // What is so much longer or shorter is farther away. To compare long names costs the square of their length.
  if (Math.abs(one.length - other.length) > most || one.length > 64) return undefined;
  const typos = editDistance(one, other);
  return typos <= most ? typos : undefined;
}

/** The one of the names that is most like it, and much like it; undefined if there is none. */
export async function mostAlike(one: string, names: Iterable<string>, pace: Pace): Promise<string | undefined> {
  let nearest: { readonly name: string; readonly typos: number } | undefined;
  for (const name of names) {
    const typos = typosBetween(one, name);
    if (typos !== undefined && typos < (nearest?.typos ?? Infinity)) nearest = { name, typos };
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return nearest?.name;
}
