import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";
import { logPackageDefinition } from "../../src/wire/definition.js";
import type { ProduceRequest } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse, ProduceResponseOutput } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { Client } from "../../src/client/index.js";
import { produceRequestType } from "../support/log-harness.js";
import { RawClient } from "../support/raw-client.js";
import { ServedProcess } from "../support/served-process.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const responseType = logPackageDefinition["log.v1.ProduceResponse"] as unknown as MessageTypeDefinition<
  ProduceResponse,
  ProduceResponseOutput
>;

const policy = {
  "policy.csv": `p, acme/one, acme, *, produce, allow
p, acme/one, acme, *, consume, allow
p, acme/one, acme, *, create, allow
p, acme/one, acme, *, delete, allow
p, acme/two, acme, *, produce, allow
p, acme/two, acme, *, create, allow
p, acme/nobody, acme, other, produce, allow
`,
};

interface Sent {
  readonly sequence: number | bigint;
  readonly values: readonly string[];
  readonly epoch?: number;
  readonly topic?: string;
  readonly more?: Partial<ProduceRequest>;
}

/** A request of the producer whose id is `p`. */
function request({ sequence, values, epoch = 0, topic = "orders", more = {} }: Sent): Buffer {
  const producer = { id: Buffer.from("p"), epoch, sequence: BigInt(sequence) };
  const records = values.map((value) => ({ value: Buffer.from(value) }));
  return produceRequestType.serialize({ topic, records, producer, ...more });
}

function offsetsOf(messages: readonly Buffer[]): (bigint | string)[] {
  return messages.map((message) => {
    const { offset, error } = responseType.deserialize(message);
    return error === null ? offset : error.message;
  });
}

async function valuesIn(client: Client, topic = "orders"): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const from = BigInt(values.length);
    const { records, highWaterMark } = await client.consume({ topic, from, maxRecords: 10_000 });
    values.push(...records.map(({ value }) => value.toString()));
    if (BigInt(values.length) >= highWaterMark) return values;
  }
}

describe("a producer's batch that is sent again", () => {
  test("is answered with the offset that it has, by Produce, ProduceStream and Import, also after a restart", async () => {
    await using node = await startTestNode({ policy });
    const raw = (): RawClient => node.raw("acme/one");
    const first = request({ sequence: 0, values: ["a", "b"] });
    const second = request({ sequence: 2, values: ["c"] });
    const produce = async (message: Buffer) => responseType.deserialize(await raw().answer("Produce", message));
    expect(await produce(first)).toMatchObject({ offset: 0n, count: 2 });
    for (let start = 0; start < 2; start++) {
      expect(await produce(first)).toMatchObject({ offset: 0n, count: 2 });
      const inOrder = await raw().call("ProduceStream", [first, second, first, second]);
      expect(offsetsOf(inOrder.messages)).toEqual([0n, 2n, 0n, 2n]);
      const tagged = [first, second].map((_, index) =>
        request({
          ...(index === 0 ? { sequence: 0, values: ["a", "b"] } : { sequence: 2, values: ["c"] }),
          more: { requestId: BigInt(index), expectedOffset: 999n },
        }),
      );
      const byId = await raw().call("ProduceStream", tagged);
      expect(new Set(offsetsOf(byId.messages))).toEqual(new Set([0n, 2n]));
      const imported = await raw().call("Import", [first, second]);
      expect(imported.code).toBe("OK");
      if (start === 0) await node.restart();
    }
    expect(await valuesIn(node.as("acme/one"))).toEqual(["a", "b", "c"]);
  });

  test("is refused where it is not the same, with the facts, and a stream with request ids goes on", async () => {
    await using node = await startTestNode({ policy });
    const raw = node.raw("acme/one");
    await raw.answer("Produce", request({ sequence: 0, values: ["a", "b"], epoch: 4 }));
    const refusals: readonly (readonly [Sent, string, Readonly<Record<string, string>>])[] = [
      [{ sequence: 3, values: ["x"], epoch: 4 }, "PRODUCER_SEQUENCE_GAP", { expected: "2", actual: "3" }],
      [{ sequence: 0, values: ["a"], epoch: 4 }, "PRODUCER_SEQUENCE_REUSED", { expected: "2", actual: "0" }],
      [{ sequence: 0, values: ["a", "b"], epoch: 3 }, "PRODUCER_FENCED", { epoch: "4", actual: "3" }],
      [{ sequence: 1, values: ["x"], epoch: 5 }, "PRODUCER_SEQUENCE_GAP", { expected: "0", actual: "1" }],
      [{ sequence: 1, values: ["x"], topic: "new" }, "PRODUCER_SEQUENCE_GAP", { expected: "0", actual: "1" }],
    ];
    for (const [sent, reason, facts] of refusals) {
      for (const method of ["Produce", "ProduceStream"]) {
        const refused = await raw.call(method, [request(sent)]);
        expect(refused).toMatchObject({ code: "FAILED_PRECONDITION", reason, domain: "aclog", facts, messages: [] });
      }
    }
    const stream = await raw.call("ProduceStream", [
      request({ sequence: 9, values: ["x"], epoch: 4, more: { requestId: 1n } }),
      request({ sequence: 2, values: ["c"], epoch: 4, more: { requestId: 2n } }),
    ]);
    expect(stream.code).toBe("OK");
    expect(offsetsOf(stream.messages)).toEqual(["the producer's next sequence is 2, not 9", 2n]);
    // No topic was made for what was refused.
    await expect(valuesIn(node.as("acme/one"), "new")).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    expect(await valuesIn(node.as("acme/one"))).toEqual(["a", "b", "c"]);
  });

  test("is for the policy to allow first, and for the topic that has the name now", async () => {
    await using node = await startTestNode({ policy });
    const first = request({ sequence: 0, values: ["a"] });
    const { topicId } = responseType.deserialize(await node.raw("acme/one").answer("Produce", first));
    const denied = await node.raw("acme/nobody").call("Produce", [request({ sequence: 7, values: ["x"] })]);
    expect(denied.code).toBe("PERMISSION_DENIED");
    // Another principal's producer with the same id is another one.
    const two = await node.raw("acme/two").answer("Produce", request({ sequence: 0, values: ["two"] }));
    expect(responseType.deserialize(two).offset).toBe(1n);
    const unknown = await node.raw("acme/two").call("Produce", [request({ sequence: 2, values: ["x"] })]);
    expect(unknown).toMatchObject({ reason: "PRODUCER_SEQUENCE_GAP", facts: { expected: "1", actual: "2" } });
    await node.as("acme/one").topics.delete("orders");
    const pinned = request({ sequence: 0, values: ["a"], more: { topicId } });
    expect((await node.raw("acme/one").call("Produce", [pinned])).code).toBe("NOT_FOUND");
    const anew = responseType.deserialize(await node.raw("acme/one").answer("Produce", first));
    expect(anew.offset).toBe(0n);
    expect(anew.topicId.equals(topicId)).toBe(false);
    expect(await node.raw("acme/one").call("Produce", [pinned])).toMatchObject({ reason: "TOPIC_ID_MISMATCH" });
  });
});

test(
  "a producer that sends again whatever was not answered has each record stored once and in order, over four kills",
  { timeout: 120_000 },
  async () => {
    // Lends its certificates and its policy.
    await using files = await startTestNode({ policy });
    const directory = await mkdtemp(join(tmpdir(), "aclog-producers-"));
    try {
      const senders = ["acme/one", "acme/two"].map((principal) => new Sender(files, principal));
      for (let cycle = 0; cycle <= 4; cycle++) {
        const server = await ServedProcess.start(files, join(directory, "data"));
        const isLast = cycle === 4;
        const running = senders.map((sender) => sender.send(server.address, isLast ? 0 : 300));
        const enough = Promise.all(senders.map((sender) => sender.answered(isLast ? sender.unanswered : 100)));
        await Promise.race([enough, Promise.all(running).then(() => enough)]);
        if (isLast) {
          const client = Client.connect({ address: server.address, ...files.keysOf("acme/one") });
          const values = await valuesIn(client);
          for (const sender of senders) {
            expect(values.filter((value) => value.startsWith(`${sender.principal} `))).toEqual(sender.values);
            for (const [index, offset] of sender.offsets.entries()) {
              expect(values[Number(offset)]).toBe(sender.values[2 * index]);
            }
          }
          await client.close();
        }
        expect(await server.end(isLast ? "SIGTERM" : "SIGKILL")).toBe(isLast ? 0 : null);
        await Promise.all(running);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

/** Sends batches of two over one stream, with at most as many unanswered as the server knows again. */
class Sender {
  readonly principal: string;
  readonly values: string[] = [];
  /** Of each batch that was answered. */
  readonly offsets: bigint[] = [];
  readonly #files: TestNode;
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(files: TestNode, principal: string) {
    this.#files = files;
    this.principal = principal;
  }

  get unanswered(): number {
    return this.values.length / 2 - this.offsets.length;
  }

  /** Sends what is unanswered and so many batches more; resolves when the stream has ended. */
  async send(address: string, batches: number): Promise<void> {
    const raw = new RawClient({ address, ...this.#files.keysOf(this.principal) });
    const call = raw.open("ProduceStream");
    const wanted = this.values.length / 2 + batches;
    let next = this.offsets.length;
    const fill = (): void => {
      for (; next < wanted && next - this.offsets.length < 64; next++) call.send(this.#batch(next));
    };
    fill();
    const before = this.offsets.length;
    try {
      for (let index = 0; before + index < wanted; index++) {
        const { offset, count, error } = responseType.deserialize((await call.received(index + 1))[index]!);
        expect({ count, error }).toEqual({ count: 2, error: null });
        this.offsets.push(offset);
        if (this.#waiting !== undefined && this.offsets.length >= this.#waiting.count) this.#waiting.resolve();
        fill();
      }
      call.halfClose();
    } catch (error) {
      // The server was killed; anything else is a failure.
      if (!/UNAVAILABLE|CANCELLED|INTERNAL/.test(String(error))) throw error;
    }
    await call.end();
    await raw.close();
  }

  /** Resolves when so many more are answered. */
  answered(count: number): Promise<void> {
    if (count === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#waiting = { count: this.offsets.length + count, resolve }));
  }

  #batch(index: number): Buffer {
    const sequence = 2 * index;
    while (this.values.length < sequence + 2) this.values.push(`${this.principal} ${this.values.length}`);
    return request({ sequence, values: this.values.slice(sequence, sequence + 2) });
  }
}
