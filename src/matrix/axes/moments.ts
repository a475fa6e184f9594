/** The axis of moments: when a call is made, and what has changed since its connection was opened or its stream was begun. */

export interface Moment {
  readonly name: string;
  /**
   * What happens between the first message of a call and the next, or between connecting and calling.
   * `nothing`: the whole call is made at once.
   */
  readonly event: Event;
}

export type Event =
  | "nothing"
  | "the rules go"
  | "the roles go"
  | "the certificate is revoked"
  | "the certificate expires"
  | "the authority goes"
  | "the tenant goes"
  | "the tenant is suspended"
  | "broken policy files"
  | "broken certificate files"
  | "a second authority comes"
  | "the server drains";

export const moments: readonly Moment[] = [
  { name: "at the call", event: "nothing" },
  { name: "after the right is gone", event: "the rules go" },
  { name: "after the role is gone", event: "the roles go" },
  { name: "after the certificate was revoked", event: "the certificate is revoked" },
  { name: "after the certificate has expired", event: "the certificate expires" },
  { name: "after the authority is gone", event: "the authority goes" },
  { name: "after the tenant is gone", event: "the tenant goes" },
  { name: "after the tenant was suspended", event: "the tenant is suspended" },
  { name: "during a failing reload of the policy", event: "broken policy files" },
  { name: "during a failing reload of certificates", event: "broken certificate files" },
  { name: "during the roll-over to another authority", event: "a second authority comes" },
  { name: "during the drain", event: "the server drains" },
];
