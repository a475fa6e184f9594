import { readFileSync } from "node:fs";

/** As in package.json. */
export function aclogVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
