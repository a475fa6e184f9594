import assert from "node:assert/strict";
import { test } from "vitest";
import { batchesOfLines, LineTooLong, type LineLimits } from "../../src/cli/lines.js";

/** As the commands have them unless told otherwise. */
const usual: LineLimits = { maxLineBytes: 1024 * 1024, maxBatchBytes: 256 * 1024, besideLine: 0 };

const cases: readonly (readonly [what: string, chunks: readonly string[], lines: readonly string[]])[] = [
  ["nothing", [], []],
  ["an empty chunk", [""], []],
  ["one line", ["a\n"], ["a"]],
  ["a last line without a newline", ["a\nb"], ["a", "b"]],
  ["empty lines", ["\n\na\n\n"], ["", "", "a", ""]],
  ["a line over several chunks", ["a", "b", "c\nd", "\n"], ["abc", "d"]],
  ["a newline that comes alone", ["a", "\n"], ["a"]],
  ["a carriage return", ["a\r\nb"], ["a\r", "b"]],
  ["bytes that are no UTF-8", ["\xff\xfe\n\x00"], ["\xff\xfe", "\x00"]],
];
for (const [what, chunks, lines] of cases) {
  test(`${what} becomes ${lines.length} records`, async () => {
    assert.deepEqual((await batches(chunks)).flat(), lines);
  });
}

test("lines that came together go out together, up to 500 and 256 KiB", async () => {
  const sizes = async (chunk: string) => (await batches([chunk])).map((batch) => batch.length);
  assert.deepEqual(await sizes("x\n".repeat(500)), [500]);
  assert.deepEqual(await sizes("x\n".repeat(1001)), [500, 500, 1]);
  assert.deepEqual(await sizes(`${"x".repeat(100 * 1024)}\n`.repeat(5)), [2, 2, 1]);
  assert.deepEqual(await sizes(`a\n${"x".repeat(300 * 1024)}\nb\n`), [1, 1, 1]);
});

test("what each record holds beside its line counts in its batch too", async () => {
  const lines = ["abcd\nabcd\nabcd\nabcd\n"];
  const sizes = async (besideLine: number) =>
    (await batches(lines, { maxBatchBytes: 12, besideLine })).map((batch) => batch.length);
  assert.deepEqual(await sizes(0), [3, 1]);
  assert.deepEqual(await sizes(1), [2, 2]);
  assert.deepEqual(await sizes(12), [1, 1, 1, 1]);
});

test("a line that is there is not held back for more", async () => {
  async function* typed() {
    yield Buffer.from("first\nsec");
    // Whoever types waits for an answer before going on.
    await new Promise(() => undefined);
  }
  const { value } = await batchesOfLines(typed(), usual).next();
  assert.deepEqual(value?.map(String), ["first"]);
});

test("a line that no request could carry is refused before it fills the memory", async () => {
  let given = 0;
  async function* endless() {
    while (true) {
      given++;
      yield Buffer.alloc(64 * 1024, "x");
    }
  }
  await assert.rejects(batchesOfLines(endless(), usual).next(), { line: 1 });
  assert.equal(given, 17);
});

for (const chunks of [["a\nbc\n1234567\nd\n"], ["a\nb", "c\n123", "4567\nd\n"], ["a\nbc\n", "1234567"]]) {
  test(`a line that is too long is named, after those before it: ${JSON.stringify(chunks)}`, async () => {
    const given: string[] = [];
    await assert.rejects(
      async () => {
        for await (const batch of batchesOfLines(chunked(chunks), { ...usual, maxLineBytes: 6 }))
          given.push(...batch.map(String));
      },
      (error) => error instanceof LineTooLong && error.line === 3,
    );
    assert.deepEqual(given, ["a", "bc"]);
  });
}

test("a line of exactly the limit is a record", async () => {
  assert.deepEqual(await batches(["1234\n5678"], { maxLineBytes: 4 }), [["1234"], ["5678"]]);
});

async function* chunked(chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk, "latin1");
}

/** The batches, every byte as one character. */
async function batches(chunks: readonly string[], limits: Partial<LineLimits> = {}): Promise<string[][]> {
  const all: string[][] = [];
  for await (const batch of batchesOfLines(chunked(chunks), { ...usual, ...limits }))
    all.push(batch.map((line) => line.toString("latin1")));
  return all;
}
