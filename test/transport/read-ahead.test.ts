import { describe, expect, test } from "vitest";
import { ReadAhead } from "../../src/transport/read-ahead.js";
import { EngineServer } from "../support/grpc-server.js";
import { framed, openCall } from "../support/http2-client.js";
import { produceBytes } from "../support/raw-client.js";

const MiB = 1024 * 1024;

describe("messages that wait for their handler", () => {
  /** Messages of these sizes, offered as grpc-js does: the next one only when the one before was passed on. */
  function offer(sizes: readonly number[]) {
    const readAhead = new ReadAhead();
    const passed: { onTaken: () => void }[] = [];
    let at = 0;
    const read = (): void => {
      if (at === sizes.length) return;
      readAhead.pass({ onTaken: () => undefined }, sizes[at++]!, (message) => {
        passed.push(message);
        read();
      });
    };
    read();
    return { passed, offered: () => at };
  }

  test("are at most a megabyte and one message", () => {
    const { passed, offered } = offer(Array<number>(10).fill(400_000));
    expect([passed.length, offered()]).toEqual([2, 3]);
    passed[0]!.onTaken();
    expect([passed.length, offered()]).toEqual([3, 4]);
    passed[1]!.onTaken();
    passed[2]!.onTaken();
    expect([passed.length, offered()]).toEqual([5, 6]);
  });

  test("are one, however large it is", () => {
    const { passed, offered } = offer([3 * MiB, 3 * MiB, 3 * MiB]);
    expect([passed.length, offered()]).toEqual([1, 2]);
    passed[0]!.onTaken();
    expect([passed.length, offered()]).toEqual([2, 3]);
    passed[1]!.onTaken();
    expect(passed).toHaveLength(3);
  });

  test("are as many as come, where they take nothing", () => {
    expect(offer(Array<number>(100).fill(0)).passed).toHaveLength(100);
    // But in their order: what takes nothing does not overtake what is held back.
    const { passed, offered } = offer([3 * MiB, MiB, 0, 0]);
    expect([passed.length, offered()]).toEqual([1, 2]);
    passed[0]!.onTaken();
    expect(passed).toHaveLength(4);
  });

  test("keep their order also where one comes that grpc-js was not asked for", () => {
    const readAhead = new ReadAhead();
    const passed: { readonly name: string; onTaken: () => void }[] = [];
    const offer = (name: string, bytes: number) =>
      readAhead.pass({ name, onTaken: () => undefined }, bytes, (message) => passed.push(message));
    offer("first", MiB / 2);
    offer("held back", MiB);
    // As when a stream has to end: it takes nothing, and there would be room for it.
    offer("the end", 0);
    expect(passed.map(({ name }) => name)).toEqual(["first"]);
    passed[0]!.onTaken();
    expect(passed.map(({ name }) => name)).toEqual(["first", "held back", "the end"]);
  });
});

test.each(["ProduceStream", "Import"])("a %s that cannot be stored is hardly read ahead of", async (method) => {
  let appended = 0;
  await using server = await EngineServer.start({
    append: async () => {
      appended++;
      return { durable: new Promise(() => undefined) };
    },
  });
  const session = server.http2("acme/root");
  const stream = openCall(session, method);
  const message = framed(produceBytes({ topic: "orders", records: Array<string>(3).fill("x".repeat(1000 * 1024)) }));
  let taken = 0;
  const writeOn = (): void => void stream.write(message, () => ++taken < 30 && writeOn());
  writeOn();
  const other = server.raw("acme/root");
  while (appended < 6) await new Promise(setImmediate);
  // Whatever the server takes on its own, it has taken when it takes nothing while it answers so many other calls.
  for (let before = -1; before !== taken;) {
    before = taken;
    for (let count = 0; count < 200; count++) await other.call("Consume", [Buffer.from([0xff])]);
  }
  expect(appended).toBe(6);
  // One in the handler's hands, one that waits for it, one that is held back, and what is on its way.
  expect(taken).toBeLessThan(appended + 5);
  session.destroy();
  await other.close();
});
