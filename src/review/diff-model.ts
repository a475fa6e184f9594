import type { LoadedPolicy } from "../authz/index.js";

/**
 * How much of two policies must be asked about, as their models allow it:
 *
 * - `changes`: one matcher, and it decides by the rules that a caller has in the tenant, by nothing else. Whoever has the
 *   same rules as before may do the same as before, and callers with the same rules may do the same.
 * - `rules`: the matchers differ, or they weigh more than that. Everything that a rule covers is asked about.
 * - `everything`: a matcher may let a rule speak for somebody that it does not name, or of a topic that it does not cover.
 */
export type Reach = "changes" | "rules" | "everything";

export interface Comparability {
  readonly reach: Reach;
  /** Whether callers with the same rules may do the same, under each of the two. */
  readonly isShared: boolean;
  readonly matcherChanged: boolean;
}

export function compareModels(older: LoadedPolicy, newer: LoadedPolicy): Comparability {
  const [one, other] = [older, newer].map(({ model }) => matcherIn(model.text).replaceAll(" ", ""));
  const matcherChanged = one !== other || kindOf(older) !== kindOf(newer);
  if (!older.model.isIndexable || !newer.model.isIndexable) {
    return { reach: "everything", isShared: false, matcherChanged };
  }
  const isShared = isPlain(one!) && isPlain(other!);
  return { reach: isShared && !matcherChanged ? "changes" : "rules", isShared, matcherChanged };
}

/** As `model.conf` has it. */
export function matcherAsWritten({ files, model }: LoadedPolicy): string {
  return matcherIn(files.files["model.conf"].text ?? model.text);
}

/** Of a model that was read without a finding: there it is defined once, on a line of its own. */
function matcherIn(text: string): string {
  return /^ *m *=(.*)$/m.exec(text)?.[1]?.trim() ?? text;
}

/** What is known of the model beside its text. */
function kindOf({ model }: LoadedPolicy): string {
  return JSON.stringify({ ...model, text: "" });
}

/** What a plain matcher may ask about the caller, the tenant and the topic. */
const plainQuestions = [
  "g(r.sub,p.sub,r.dom)",
  "topicMatch(r.obj,p.obj)",
  "r.dom==p.dom",
  "p.dom==r.dom",
  'r.dom=="_system"',
  'r.dom!="_system"',
  '"_system"==r.dom',
  '"_system"!=r.dom',
];

/**
 * Whether the matcher, written without spaces, looks at the caller only for roles that it has in the tenant, at the topic
 * only for whether the rule's pattern covers it, and at the tenant only for whether it is the rule's. Only what is plain to
 * see counts; false costs time and nothing else.
 */
function isPlain(matcher: string): boolean {
  let rest = matcher;
  for (const question of plainQuestions) rest = rest.replaceAll(question, "§");
  // A comparison of a comparison means something else than it looks like.
  if (/[=!]=§|§[=!]=/.test(rest)) return false;
  return !/\br\.(sub|dom|obj)\b|\bg\(/.test(rest);
}
