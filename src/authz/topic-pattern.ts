import { isSystemName, isTopicName } from "../names.js";

/**
 * Whether a rule's topic column covers a topic: a literal name, `prefix*`, or `*` for all. The request's name is data
 * and never a pattern, nothing here is a regular expression, and only a literal matches a name that begins with `_`.
 */
export function topicMatch(name: string, pattern: string): boolean {
  if (!pattern.endsWith("*")) return name === pattern;
  return !name.startsWith("_") && name.startsWith(pattern.slice(0, -1));
}

/** A topic that a request or a literal row can name: a client's, or one such as `_audit` that the server makes. */
export function isRequestableTopic(text: string): boolean {
  return isTopicName(text) || isSystemName(text);
}

export function isTopicPattern(text: string): boolean {
  if (!text.endsWith("*")) return isRequestableTopic(text);
  const prefix = text.slice(0, -1);
  return prefix === "" || isTopicName(prefix);
}

/** Whether a pattern covers all that another one covers. */
export function coversPattern(wider: string, pattern: string): boolean {
  if (!pattern.endsWith("*")) return topicMatch(pattern, wider);
  return wider.endsWith("*") && pattern.startsWith(wider.slice(0, -1));
}
