import assert from "node:assert/strict";
import { test } from "vitest";
import { list, table } from "../../src/cli/table.js";

interface Row {
  readonly name: string;
  readonly size: number;
}
const columns = [
  { head: "name", cell: ({ name }: Row) => name },
  { head: "size", isNumber: true, cell: ({ size }: Row) => `${size}` },
  { head: "note", cell: ({ name }: Row) => (name === "b" ? "last" : "") },
] as const;

test("a table is plain text: heads, columns apart by two spaces, numbers on the right, nothing behind the last word", async () => {
  const rows = [
    { name: "orders.cards", size: 7 },
    { name: "b", size: 12345 },
  ];
  const lines = ["NAME           SIZE  NOTE", "orders.cards      7", "b             12345  last"];
  assert.equal(await table(columns, rows, "nothing"), `${lines.join("\n")}\n`);
});

test("a table without rows is what is said of that", async () => {
  assert.equal(await table(columns, [], "nothing"), "nothing\n");
});

test("a list is names and what they are; what is undefined is left out", async () => {
  assert.equal(await list({ topic: "acme/orders", gone: undefined, kept: "7d" }), "topic  acme/orders\nkept   7d\n");
});

test("what a server says sends the terminal no commands and breaks no line", async () => {
  const row = { name: "\x1b[31ma\nb\u009b", size: 1 };
  const shown = await table(columns, [row], "nothing");
  assert.match(shown, /^NAME.*\n\\x1b\[31ma\\x0ab\\x9b +1\n$/);
  assert.match(await list({ name: "\x07" }), /^name {2}\\x07\n$/);
});
