import { describe, expect, test } from "vitest";
import { ServerInterceptingCall } from "@grpc/grpc-js";
import { RecordCorrupt } from "../../src/errors.js";
import { framed, openCall } from "../support/http2-client.js";
import { EngineServer, framesOf } from "../support/grpc-server.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";

const requests = [
  ["Produce", produceBytes({ records: ["v"] })],
  ["ProduceStream", produceBytes({ records: ["v"] })],
  ["Consume", consumeBytes({ maxWaitMs: 1 })],
  ["ConsumeStream", consumeBytes({})],
] as const;

describe("a defect becomes INTERNAL and tells the caller nothing", () => {
  const path = "/secret/path";
  const defects: readonly (readonly [string, unknown])[] = [
    ["an error", new TypeError(path)],
    ["what is no error", path],
    ["what grpc-js would take for a status", Object.assign(new Error(path), { code: 7, details: path })],
    ["nothing at all", undefined],
  ];
  const modes: readonly (readonly [string, (thrown: unknown) => () => Promise<never>])[] = [
    [
      "throws",
      (thrown) => () => {
        throw thrown;
      },
    ],
    [
      "rejects with",
      (thrown) => async () => {
        await Promise.resolve();
        throw thrown;
      },
    ],
  ];
  for (const [kind, thrown] of defects) {
    for (const [mode, defect] of modes) {
      test.each(requests)(`in %s, when the engine ${mode} ${kind}`, async (method, request) => {
        const fail = defect(thrown);
        const range = (): never => {
          throw thrown;
        };
        await using server = await EngineServer.start({ append: fail, read: fail, range });
        const raw = server.raw("acme/root");
        const answered = await raw.call(method, [request]);
        expect(answered).toMatchObject({
          code: "INTERNAL",
          reason: "INTERNAL",
          domain: "aclog",
          words: "internal error",
        });
        expect(JSON.stringify(answered)).not.toMatch(/secret|node_modules|\.[jt]s/);
        expect(server.reported).toHaveLength(1);
        expect((await raw.call(method, [request])).code).toBe("INTERNAL");
        await raw.close();
      });
    }
  }

  test("with a request id the stream goes on behind it", async () => {
    await using server = await EngineServer.start({ append: () => Promise.reject(new Error(path)) });
    const raw = server.raw("acme/root");
    const request = produceBytes({ records: ["v"], requestId: 1n });
    const answered = await raw.call("ProduceStream", [request, request]);
    expect(answered.code).toBe("OK");
    expect(answered.messages).toHaveLength(2);
    expect(Buffer.concat(answered.messages).toString("latin1")).not.toContain("secret");
    await raw.close();
  });

  test("also when the journal fails after admission, behind what was answered", async () => {
    let appends = 0n;
    await using server = await EngineServer.start({
      append: async () => {
        const offset = appends++;
        const durable = offset < 2n ? Promise.resolve({ offset, count: 1 }) : Promise.reject(new Error(path));
        durable.catch(() => undefined);
        return { durable };
      },
    });
    const raw = server.raw("acme/root");
    const request = produceBytes({ records: ["v"] });
    const answered = await raw.call("ProduceStream", [request, request, request, request]);
    expect(answered).toMatchObject({ code: "INTERNAL", words: "internal error" });
    expect(answered.messages).toHaveLength(2);
    await raw.close();
  });
});

test("damage is DATA_LOSS: where it is, is for the server's log", async () => {
  const damage = new RecordCorrupt("00", "/data/00.log:17", "checksum");
  await using server = await EngineServer.start({
    range: () => ({ base: 0n, next: 5n }),
    reach: () => Promise.resolve(),
    read: () => Promise.reject(damage),
  });
  const raw = server.raw("acme/root");
  for (const [method, request] of requests.slice(2)) {
    const answered = await raw.call(method, [request]);
    expect(answered).toMatchObject({ code: "DATA_LOSS", reason: "RECORD_CORRUPT", facts: { topicId: "00" } });
    expect(JSON.stringify(answered)).not.toContain("/data");
  }
  expect(server.reported).toEqual([damage, damage]);
  await raw.close();
});

test.each(requests)("%s is refused when it declares nothing that a policy could speak of", async (method, request) => {
  await using server = await EngineServer.start({}, { access: {} });
  const raw = server.raw("acme/root");
  expect(await raw.call(method, [request])).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" });
  await raw.close();
});

describe("a reader that does not read", () => {
  const sizes = [
    [20, 4096],
    [64 * 1024, 16],
    [1024 * 1024, 1],
  ] as const;
  test.each(sizes)("makes the server hold no more than 4 MiB of records of %i bytes", async (valueBytes, perRead) => {
    let handedOver = 0;
    await using server = await EngineServer.start({
      range: () => ({ base: 0n, next: 1n << 40n }),
      reach: () => Promise.resolve(),
      read: async (offset) => {
        handedOver += perRead;
        return framesOf(offset, perRead, valueBytes);
      },
    });
    const raw = server.raw("acme/root");
    const stream = raw.read("ConsumeStream", consumeBytes({ maxRecords: 1 }));
    await new Promise((resolve) => stream.once("readable", resolve));
    // Whatever the server still does on its own, it has done when it has answered so many other calls.
    for (let count = 0; count < 50; count++) {
      await raw.call("Consume", [consumeBytes({ topic: "/" })]);
    }
    // Messages wait as bytes, many in one piece of memory: what stands around a value in its message is less than this.
    expect(handedOver * (valueBytes + 100)).toBeLessThan(6 * 1024 * 1024);
    stream.cancel();
    await raw.close();
  });
});

test("a client that does not read its answers is not read either", async () => {
  let appends = 0;
  await using server = await EngineServer.start({
    append: async () => ({ durable: Promise.resolve({ offset: BigInt(appends++), count: 1 }) }),
  });
  const session = server.http2("acme/root");
  const other = server.raw("acme/root");
  const stream = openCall(session, "ProduceStream");
  stream.pause();
  const taken = framed(produceBytes({ records: ["v"], requestId: 1n }));
  const refused = framed(produceBytes({ records: [], requestId: 1n }));
  const messages = Buffer.concat(Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? taken : refused)));
  let [sent, isRead] = [0, true];
  for (; isRead && sent < 300; sent++) {
    const written = new Promise<boolean>((resolve) => stream.write(messages, () => resolve(true)));
    // Whatever the server takes on its own, it has taken when it has answered so many other calls.
    const waited = (async () => {
      for (let count = 0; count < 50; count++) await other.call("Consume", [consumeBytes({ topic: "/" })]);
      return false;
    })();
    isRead = await Promise.race([written, waited]);
    await waited;
  }
  expect(isRead, `${sent} thousand messages were taken`).toBe(false);
  session.destroy();
  await other.close();
});

test("an interceptor that is called first still finds the stream that it may have to reset", async () => {
  let stream: unknown;
  await using server = await EngineServer.start(
    {},
    {
      interceptors: [
        (_method, call) => {
          // What reset-undelivered.ts relies on, seen one interceptor further in.
          stream = (call as unknown as { nextCall: { stream: unknown } }).nextCall.stream;
          return new ServerInterceptingCall(call);
        },
      ],
    },
  );
  const raw = server.raw("acme/root");
  await raw.call("ProduceStream", []);
  expect(stream).toHaveProperty("rstCode");
  await raw.close();
});
