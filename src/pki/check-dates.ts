import { type CheckFinding, problem, warning } from "./check-finding.js";
import type { CertificateSummary } from "./inspect.js";

const soonDays = 30;
const longDays = 825;
const dayMs = 86_400_000;

type Dates = Pick<CertificateSummary, "notBefore" | "notAfter" | "daysLeft">;

/** @param within days; undefined: to end soon is no error */
export function checkDates({ notBefore, notAfter, daysLeft }: Dates, within?: number): CheckFinding[] {
  const renew = "issue it anew: `aclog certs renew`, or whoever issued it";
  if (notAfter.getTime() <= Date.now()) return [problem(`it ended on ${shown(notAfter)}`, renew)];
  const findings = checkEnd("it", { notAfter, daysLeft }, renew, within);
  if (notBefore.getTime() > Date.now()) {
    findings.push(
      problem(`it is not valid before ${shown(notBefore)}`, "wait, or set the clock of one of the two machines"),
    );
  }
  if (notAfter.getTime() - notBefore.getTime() > longDays * dayMs) {
    findings.push(warning(`it lasts for more than ${longDays} days, which some clients refuse`, "issue it for less"));
  }
  return findings;
}

/** Whether something that is still good ends soon. @param what it is called */
export function checkEnd(
  what: string,
  { notAfter, daysLeft }: Pick<Dates, "notAfter" | "daysLeft">,
  remedy: string,
  within: number | undefined,
): CheckFinding[] {
  if (notAfter.getTime() > Date.now() + (within ?? soonDays) * dayMs) return [];
  const finding = within === undefined ? warning : problem;
  return [finding(`${what} ends in ${daysLeft} ${daysLeft === 1 ? "day" : "days"}, on ${shown(notAfter)}`, remedy)];
}

/** `2026-11-21T09:30:00Z` */
function shown(date: Date): string {
  return date.toISOString().replace(/\.\d+/, "");
}
