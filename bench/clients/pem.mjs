import { readFileSync } from "node:fs";

/** The contents of `{ ca, cert, key }`, which are paths. */
export function read({ ca, cert, key }) {
  return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
}
