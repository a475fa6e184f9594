import { type Refusals, policyTopic } from "../authz/index.js";
import { formatPrincipal, type Principal } from "../names.js";
import type { WhyRequest } from "../wire/policy-requests.js";
import type { TopicAccess, TopicRequest, Way, Ways } from "./admission.js";
import { partOf, wholeOf } from "./server-access.js";

const ofWholePolicy = wholeOf(policyTopic);

/** For what concerns everyone. */
const inSystem = (): Ways => ({ any: [ofWholePolicy], told: ofWholePolicy });

/** For what may concern one tenant alone. */
const inTenant = partOf(policyTopic);

/** To what a caller asks about itself, `describe` on the topic opens an answer too. */
function toWhy({ tenant, topic }: Omit<Way, "action">, isOfCaller: boolean): readonly Way[] {
  const { any } = inTenant({ tenant });
  return isOfCaller ? [...any, { action: "describe", tenant, topic }] : any;
}

/** A refusal that is not known and one that is somebody else's are refused in the same words. */
function ofWhy(refusals: Refusals, { decision, question }: WhyRequest, caller: Principal): Ways {
  const isCaller = (principal: string): boolean => principal === formatPrincipal(caller);
  if (question !== undefined) {
    const any = toWhy(question, isCaller(question.principal));
    return { any, told: any.at(-1)! };
  }
  const refusal = refusals.find(decision!);
  const any = refusal === undefined ? [ofWholePolicy] : toWhy(refusal, isCaller(refusal.principal));
  return { any, told: ofWholePolicy };
}

const reading: TopicAccess = { action: "admin", kind: "reads", ways: inSystem };
const changing: TopicAccess = { action: "admin", kind: "writes", ways: inSystem };
const reviewing: TopicAccess = { action: "admin", kind: "reads", ways: inTenant };

/** The first message says what the files are for; the others bring no more than these. */
const uploading = { namesOnce: true } as const;

const path = (method: string): string => `/policy.v1.Policy/${method}`;

/** What the break-glass principal may call whatever the policy says. */
export const breakGlassMethods: ReadonlySet<string> = new Set(
  ["Status", "Files", "History", "Validate", "Diff", "Activate", "Rollback"].map(path),
);

/** What `policy.v1.Policy` needs from its callers, by path. @param refusals what a caller may ask about */
export function policyMethodAccess(refusals: Refusals): Readonly<Record<string, TopicAccess>> {
  const why = (request: TopicRequest, caller: Principal): Ways => ofWhy(refusals, request as WhyRequest, caller);
  return {
    [path("Status")]: reading,
    [path("Files")]: reading,
    [path("History")]: reading,
    [path("Validate")]: { ...reading, ...uploading },
    [path("Activate")]: { ...changing, ...uploading },
    [path("Rollback")]: changing,
    [path("Test")]: { ...reviewing, ...uploading },
    [path("Diff")]: { ...reviewing, ...uploading },
    [path("Why")]: { action: "admin", kind: "reads", ways: why },
    [path("Who")]: reviewing,
    [path("What")]: reviewing,
  };
}
