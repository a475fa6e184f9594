/** Records on a terminal: what they hold must not move its cursor, nor send it commands. */
import { isUtf8 } from "node:buffer";

/** Text as it is but for control characters other than the tab, as `\x1b`; so too every byte that is no UTF-8. */
export function visible(bytes: Buffer): string {
  return isUtf8(bytes)
    ? bytes.toString("utf8").replace(/[^\P{Cc}\t]/gu, escaped)
    : bytes.toString("latin1").replace(/[^\t\x20-\x7e]/g, escaped);
}

/** JSON escapes most control characters by itself, and leaves those that came with 8-bit terminals. */
export function visibleJson(json: string): string {
  return json.replace(/\p{Cc}/gu, (control) => `\\u${hex(control, 4)}`);
}

function escaped(control: string): string {
  return `\\x${hex(control, 2)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
