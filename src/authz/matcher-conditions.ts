/**
 * What a rule must meet for the index to find it, and what is as strict. A matcher that demands one of each line can hold
 * for no rule that the index passes over, whatever more it demands.
 */
const demands = [
  ["g(r.sub,p.sub,r.dom)", "p.sub==r.sub"],
  ["topicMatch(r.obj,p.obj)", "p.obj==r.obj"],
  ['"*"==p.act||p.act==r.act', "p.act==r.act"],
];

/**
 * Whether the matcher holds only for rules whose subject is the caller or one of its roles, whose pattern covers the topic,
 * and whose action is that of the request or `*`. Only what is plain to see counts: these conditions, joined to all others
 * by `&&`. False costs time and nothing else: then Casbin looks at every rule.
 *
 * @param matcher that `checkMatcher` has let through
 */
export function isIndexable(matcher: string): boolean {
  const conditions = new Set(conditionsOf(matcher.replaceAll(" ", "")));
  return demands.every((demand) => demand.some((condition) => conditions.has(condition)));
}

/** All that the example's matcher asks for. */
const exact = new Set([...demands.map(([condition]) => condition!), '"*"==p.dom&&r.dom!="_system"||p.dom==r.dom']);

/**
 * Whether the matcher holds for every rule that the index finds, and for no other: it is the example's, but for the order of
 * its conditions.
 *
 * @param matcher that `checkMatcher` has let through
 */
export function isExact(matcher: string): boolean {
  const conditions = new Set(conditionsOf(matcher.replaceAll(" ", "")));
  return conditions.size === exact.size && [...conditions].every((condition) => exact.has(condition));
}

/** What must hold together. Of `a || b` that is the whole alone, since `&&` binds closer. */
export function conditionsOf(text: string): string[] {
  const bare = withoutBrackets(text);
  const alternatives = split(bare, "||");
  if (alternatives.length > 1) return [alternatives.map(alternative).toSorted().join("||")];
  const parts = split(bare, "&&");
  return parts.length > 1 ? parts.flatMap(conditionsOf) : [inOneOrder(bare)];
}

function alternative(text: string): string {
  const parts = split(withoutBrackets(text), "&&");
  return parts.map(inOneOrder).toSorted().join("&&");
}

/** `b==a` for `a==b` too. */
function inOneOrder(comparison: string): string {
  return split(withoutBrackets(comparison), "==").toSorted().join("==");
}

/** Without those around all of it. */
function withoutBrackets(text: string): string {
  let bare = text;
  while (bare.startsWith("(") && closingBracket(bare) === bare.length - 1) bare = bare.slice(1, -1);
  return bare;
}

/** Of the bracket that the text begins with. */
function closingBracket(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth === 0) return at;
  }
  return -1;
}

/** At the operators that stand in no brackets. */
function split(text: string, operator: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")") depth--;
    if (depth !== 0 || !text.startsWith(operator, at)) continue;
    parts.push(text.slice(start, at));
    start = at + operator.length;
    at = start - 1;
  }
  return [...parts, text.slice(start)];
}
