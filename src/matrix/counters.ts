/** What the matrix's own server counts, read as Prometheus reads it. */

/** Values by name and labels, as in `aclog_connections_refused_total{reason="expired"}`. */
export type Counters = ReadonlyMap<string, number>;

/** @throws Error when the port does not answer */
export async function readCounters(adminAddress: string): Promise<Counters> {
  const response = await fetch(`http://${adminAddress}/metrics`);
  const counters = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const space = line.lastIndexOf(" ");
    if (!line.startsWith("#") && space > 0) counters.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return counters;
}

/** How a counter is written that has labels. */
export function counterName(name: string, labels: Readonly<Record<string, string>>): string {
  const written = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return `${name}{${written.join(",")}}`;
}

/** Which of these counters went up by something else than they had to, each in words. */
export function miscounted(before: Counters, after: Counters, due: ReadonlyMap<string, number>): readonly string[] {
  const watched = [...after.keys()].filter((name) => watchedNames.some((each) => name.startsWith(each)));
  return [...new Set([...due.keys(), ...watched])].flatMap((name) => {
    const [went, had] = [(after.get(name) ?? 0) - (before.get(name) ?? 0), due.get(name) ?? 0];
    return went === had ? [] : [`${name} went up by ${went} and not by ${had}`];
  });
}

/** Connections that were refused, by reason. */
export const refusedConnections = "aclog_connections_refused_total";

/** Connections that were ended because their peers are nobody any more, by reason. */
export const endedConnections = "aclog_connections_ended_total";

/** Of these nothing may be counted that is not due. */
const watchedNames = [`${refusedConnections}{`, `${endedConnections}{`];
