import assert from "node:assert/strict";
import { test } from "vitest";
import { visible, visibleJson } from "../../src/cli/terminal.js";

const shown = [
  // bytes as latin1            on a terminal
  ["plain\ttext", "plain\ttext"],
  ["\x1b[31mred\x07", "\\x1b[31mred\\x07"],
  ["two\r\nlines", "two\\x0d\\x0alines"],
  ["\x7f", "\\x7f"],
  ["\xc3\xa9", "é"],
  ["\xc2\x9b31m", "\\x9b31m"],
  ["\xff\x1ba", "\\xff\\x1ba"],
] as const;
for (const [bytes, text] of shown) {
  test(`${JSON.stringify(bytes)} is shown as ${JSON.stringify(text)}`, () => {
    assert.equal(visible(Buffer.from(bytes, "latin1")), text);
  });
}

test("JSON without control characters means the same", () => {
  const value = { value: "\x1b\x7f\x9b é" };
  const json = visibleJson(JSON.stringify(value));
  assert.doesNotMatch(json, /\p{Cc}/u);
  assert.deepEqual(JSON.parse(json), value);
});
