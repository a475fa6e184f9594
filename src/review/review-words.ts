import { actionPhrases } from "../authz/index.js";
import type { Review, ReviewScope } from "./permissions.js";

/** What a review is about: `Who may consume from acme/orders`, `What acme/billing may do`. */
export function titleOf({ principal, action, tenant, topic }: ReviewScope): string {
  const where = topic === undefined ? tenant : `${tenant ?? ""}/${topic}`;
  if (principal !== undefined) return `What ${principal} may do${where === undefined ? "" : ` in ${where}`}`;
  const what = action === undefined ? `do ${topic === undefined ? "what in" : "anything to"}` : actionPhrases[action];
  return where === undefined ? "Who may do what" : `Who may ${what} ${where}`;
}

/** Why a review is not all that there is, and how to get at the rest; undefined if it is all. */
export function cutOffInWords({ cutOff, permissions, scope }: Review): string | undefined {
  if (cutOff === undefined) return undefined;
  const narrower = [
    ...(scope.tenant === undefined ? ["one tenant"] : []),
    ...(scope.principal === undefined ? ["one principal"] : []),
    ...(scope.action === undefined && scope.principal === undefined ? ["one action on one topic"] : []),
  ].join(", or ");
  const what = cutOff === "permissions" ? "there are more" : "to look at the rest would take too long";
  const how = narrower === "" ? "" : `; ask about ${narrower}`;
  return `This is not all: it ends after ${permissions.length} permissions, since ${what}${how}.`;
}
