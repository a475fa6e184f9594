/** What a policy means to those who answer for it: what another one would change, and whether it is as stated. */
export { formatCsv } from "./csv.js";
export type { Cause } from "./diff-causes.js";
export type { AccessChange } from "./diff-groups.js";
export type { ToldChange } from "./diff-known.js";
export { diffAsMarkdown, diffAsText } from "./diff-text.js";
export { type DiffOptions, diffPolicies, type PolicyDiff } from "./diff.js";
export { groupedBy } from "./grouped.js";
export { formatHtml } from "./html.js";
export type { OwnedTopic } from "./known-topics.js";
export { type FittingRule, isNamedBy, type RoleLine, type RuleLine, wayInWords } from "./lines.js";
export type { MissKind, NearMiss } from "./near-misses.js";
export {
  defaultMaxPermissions,
  type Permission,
  type Review,
  type ReviewOptions,
  reviewPermissions,
  type ReviewScope,
} from "./permissions.js";
export { readPolicy } from "./read-policy.js";
export { cutOffInWords, notesOn, titleOf } from "./review-words.js";
export { testAsJunit } from "./test-report-junit.js";
export { testAsText } from "./test-report-text.js";
export { type Difference, testMatrix, type TestOptions, type TestReport } from "./test-report.js";
export type { TopicRange } from "./topic-regions.js";
export { formatWhy } from "./why-text.js";
export { type Question, type Why, why, type WhyOptions } from "./why.js";
export { type Paint, topicGrid } from "./topic-grid.js";
