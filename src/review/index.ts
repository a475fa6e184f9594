/** What a policy means to those who answer for it: what another one would change, and whether it is as stated. */
export type { Cause } from "./diff-causes.js";
export type { AccessChange } from "./diff-groups.js";
export type { ToldChange } from "./diff-known.js";
export { diffAsMarkdown, diffAsText } from "./diff-text.js";
export { type DiffOptions, diffPolicies, type PolicyDiff } from "./diff.js";
export { testAsJunit } from "./junit.js";
export type { FittingRule, RoleLine, RuleLine } from "./lines.js";
export type { MissKind, NearMiss } from "./near-misses.js";
export { readPolicy } from "./read-policy.js";
export { type Paint, testAsText } from "./test-report-text.js";
export { type Difference, testMatrix, type TestOptions, type TestReport } from "./test-report.js";
export type { TopicRange } from "./topic-regions.js";
export { formatWhy } from "./why-text.js";
export { type Question, type Why, why, type WhyOptions } from "./why.js";
