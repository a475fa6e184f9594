/** How long what is made here lasts, in days. */
export const defaultDays = {
  authority: 3650,
  // Some clients refuse more than 825 days, and count the last second too.
  leaf: 824,
  list: 30,
  /** Of a list that is made before anybody can have thought of renewing it, or whose key is put away. */
  firstList: 365,
} as const;

/** More than a century is a slip of the finger, and far beyond it dates end. */
export const longestDays = 36_500;

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const dayMs = 86_400_000;
// A peer whose clock is a little slow must not refuse what was just made.
const clockSkewMs = 5 * 60_000;

/** From a moment ago. @param end when it is over at the latest */
export function validFor(days: number, end = new Date(8.64e15)): Validity {
  const from = Math.floor((Date.now() - clockSkewMs) / 1000) * 1000;
  return { notBefore: new Date(from), notAfter: new Date(Math.min(from + days * dayMs, end.getTime())) };
}
