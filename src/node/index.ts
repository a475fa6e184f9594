/** The composition root: opens, wires, closes. */
export { RunningNode, startNode } from "./node.js";
export { aclogVersion } from "./version.js";
export { explainIdentity, type ExplainedIdentity } from "./explain-identity.js";
