/** The secured test matrix: what a policy's `matrix.csv` states, tried on the wire with real certificates. */
export { formatReport } from "./grid.js";
export { matrixAsHtml } from "./html.js";
export { reportObject } from "./json.js";
export { matrixAsJunit } from "./junit.js";
export { type OutsideOptions, runMatrixOutside } from "./outside.js";
export { type MatrixOptions, type MatrixReport, runMatrix } from "./run.js";
