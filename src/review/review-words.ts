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
    ...(scope.topic === undefined && scope.principal === undefined ? ["one action on one topic"] : []),
  ];
  const why = cutOff === "permissions" ? "it ends at the limit (--limit)" : "to look at everything would take too long";
  const how = narrower.length === 0 ? "" : ` Ask about ${narrower.join(", or ")}.`;
  return `This is not all: ${why}, after ${permissions.length} permissions.${how}`;
}
