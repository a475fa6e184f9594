/** The composition root: opens, wires, closes. */
export { RunningNode, startNode } from "./node.js";
