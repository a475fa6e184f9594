import { Pace } from "../authz/index.js";

/** What one message of a report holds, in bytes: some more, where a single entry is larger. */
const partBytes = 64 * 1024;

/** Arrays of more entries than these are written entry by entry: `JSON.stringify` would keep calls waiting. */
const few = 50;

/** A plain value as JSON, in parts, letting waiting calls run in between. Undefined entries are left out. */
export async function* jsonParts(value: object): AsyncGenerator<Buffer, void, undefined> {
  const pace = new Pace();
  let text = "";
  for (const piece of pieces(value)) {
    text += piece;
    await pace.step();
    if (text.length < partBytes) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

function* pieces(value: unknown): Generator<string, void, undefined> {
  if (!isLong(value)) {
    yield JSON.stringify(value);
    return;
  }
  if (Array.isArray(value)) {
    yield* enclosed("[", "]", value.values(), pieces);
    return;
  }
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  yield* enclosed("{", "}", entries, function* ([key, each]) {
    yield `${JSON.stringify(key)}:`;
    yield* pieces(each);
  });
}

function* enclosed<Item>(
  open: string,
  close: string,
  items: Iterable<Item>,
  piecesOf: (item: Item) => Generator<string, void, undefined>,
): Generator<string, void, undefined> {
  yield open;
  let isFirst = true;
  for (const item of items) {
    if (!isFirst) yield ",";
    isFirst = false;
    yield* piecesOf(item);
  }
  yield close;
}

/** Whether there is an array of many entries in it. */
function isLong(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length > few || value.some(isLong);
  return Object.values(value).some(isLong);
}
