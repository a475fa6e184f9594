/** What a policy means to those who answer for it: what another one would change, and whether it is as stated. */
export { type DiffOptions, diffPolicies, type PolicyDiff } from "./diff.js";
export type { AccessChange } from "./diff-groups.js";
export type { ToldChange } from "./diff-known.js";
export type { Cause } from "./diff-causes.js";
export { diffAsMarkdown, diffAsText } from "./diff-text.js";
export { testAsJunit } from "./junit.js";
export { readPolicy } from "./read-policy.js";
export type { TopicRange } from "./topic-regions.js";
export { type Difference, type TestOptions, type TestReport, testMatrix } from "./test-report.js";
export { type Paint, testAsText } from "./test-report-text.js";
