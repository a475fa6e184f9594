import { type Action, actionPhrases, wildcard } from "../authz/index.js";
import { suspendedInWords } from "../tenant-standing.js";
import type { Review, ReviewScope } from "./permissions.js";
import { isServersAlone } from "./server-made.js";

/** What a review is about: `Who may consume from acme/orders`, `What acme/billing may do`. */
export function titleOf({ principal, action, tenant, topic }: ReviewScope): string {
  const where = topic === undefined ? tenant : topicsOf(tenant ?? "", topic);
  if (principal !== undefined) return `What ${principal} may do${where === undefined ? "" : ` in ${where}`}`;
  const what = action === undefined ? `do ${topic === undefined ? "what in" : "anything to"}` : actionPhrases[action];
  return where === undefined ? "Who may do what" : `Who may ${what} ${where}`;
}

/** A topic; of a pattern in words which names are meant by it. */
function topicsOf(tenant: string, topic: string): string {
  if (!topic.endsWith(wildcard)) return `${tenant}/${topic}`;
  const start = topic === wildcard ? "" : `begin with ${topic.slice(0, -1)} and that `;
  return `topics of ${tenant} that ${start}no line names`;
}

/** What a reader of a review should know about it; a sentence each. */
export function notesOn(review: Review): string[] {
  const { suspended = [] } = review;
  const leftOut = `${suspended.length > 0 ? suspendedInWords(suspended) : ""}, and what rules allow them is left out.`;
  return [...(suspended.length > 0 ? [leftOut] : []), ...notesOnTopic(review)];
}

function notesOnTopic({ scope: { action, tenant, topic }, unnamed }: Review): string[] {
  if (tenant === undefined || topic === undefined) return [];
  const isPattern = topic.endsWith(wildcard);
  const what = isPattern ? "pattern" : "topic";
  const meant = unnamed?.similar === undefined ? "." : `; did you mean ${unnamed.similar}?`;
  return [
    ...(unnamed === undefined ? [] : [`No rule and no row of the matrix names the ${what} ${topic}${meant}`]),
    ...(action !== undefined && isServersAlone(action, topic) ? [serversAloneInWords(action)] : []),
    ...(isPattern ? [`Of topics that a line names: aclog policy what --all --tenant ${tenant}`] : []),
  ];
}

/** `The server lets nobody but itself produce to a topic whose name begins with _, whatever a rule says.` */
export function serversAloneInWords(action: Action): string {
  return `The server lets nobody but itself ${actionPhrases[action]} a topic whose name begins with _, whatever a rule says.`;
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
