/** What a report says of where it comes from, when that is not a server that was started for it. */

/** A server that runs elsewhere. */
export interface Outside {
  /** `HOST:PORT` */
  readonly address: string;
  /** Of the policy that is in force there; undefined when nobody could ask. */
  readonly policyVersion: string | undefined;
  /** Who asked for it. */
  readonly askedBy: string | undefined;
  /** How the request ids of all calls begin, in that server's log. */
  readonly requestIds: string;
}

/** Nobody must take the report for more than it is. */
export const remarks = [
  "Seen from outside: every call was one that the server judges and then refuses, or that reads no record.",
  "What it stored, logged and counted was not looked at.",
] as const;

/** The same in one. */
export const fromOutside = remarks.join(" ");

export const legendOutside =
  "✓ allowed   ✗ refused   ? neither   · not stated   (✓) (✗) no call asks it without effect: asked of the policy there   ! not as stated" +
  "\nunnamed: any name that no line of the policy has";

/** Where, what is in force there, and how the calls are known there. */
export function placeOf({ address, policyVersion, askedBy, requestIds }: Outside): string {
  const version = policyVersion === undefined ? "not told" : `${policyVersion} (as ${askedBy ?? ""} was told)`;
  return `Server at ${address}, policy version ${version}, request ids ${requestIds}*`;
}

/** For a report in JUnit. */
export function propertiesOf({ address, policyVersion, requestIds }: Outside): readonly (readonly [string, string])[] {
  return [
    ["server", address],
    ["policy version there", policyVersion ?? "not told"],
    ["request ids", `${requestIds}*`],
    ["remark", fromOutside],
  ];
}
