import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, test } from "vitest";
import { GroupPosition } from "../../src/cli/group-position.js";
import { ReaderGone } from "../../src/cli/output.js";
import type { Client, StartingPoint } from "../../src/client/index.js";
import type { CommitOffsetRequestOutput } from "../../src/wire/generated/log/v1/CommitOffsetRequest.js";
import { BareServer, refusal } from "../client/server.js";

const topicId = Buffer.alloc(16, 7);
const never = new AbortController().signal;

let server: BareServer;
let client: Client;
let commits: CommitOffsetRequestOutput[];
/** Whether the group has not been here yet. */
let isNew: boolean;
/** How many commits are still refused. */
let refusals: number;

beforeEach(async () => {
  commits = [];
  refusals = 0;
  isNew = false;
  server = await BareServer.start({
    Consume: (call, answer) => {
      const records = call.request.start === "LATEST" ? [] : [{ offset: 5 }];
      answer(null, { records, highWaterMark: 9, topicId });
    },
    offsets: {
      Fetch: (_, answer) => answer(null, isNew ? { topicId } : { offset: 3, topicId }),
      Commit: (call, answer) => {
        commits.push(call.request);
        answer(refusals-- > 0 ? denied : null, { topicId });
      },
    },
  });
  client = server.client();
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const denied = refusal({ code: status.PERMISSION_DENIED, message: "no more", details: [] });

function position(from: StartingPoint = "earliest"): Promise<GroupPosition> {
  return GroupPosition.fetch(client, { group: "g", topic: "orders", tenant: "globex" }, from, never);
}

function committed(): bigint[] {
  return commits.map(({ offset }) => offset);
}

test("what was printed is committed at the end, once, and bound to the topic that was read", async () => {
  const group = await position();
  assert.equal(group.start, 3n);
  await group.commitDuring(never, async () => {
    group.advance(4n);
    group.advance(5n);
  });
  assert.deepEqual(committed(), [5n]);
  const [{ group: name, topic, tenant, topicId: id } = {}] = commits;
  assert.deepEqual([name, topic, tenant, id], ["g", "orders", "globex", topicId]);
});

test("where nothing was printed, nothing is committed", async () => {
  const group = await position();
  await group.commitDuring(never, () => Promise.resolve());
  assert.deepEqual(commits, []);
});

const beginnings = [
  // from                        begins at   and without a record commits
  ["earliest", 5n, [5n]],
  ["latest", 9n, [9n]],
  [{ time: new Date(1) }, 5n, [5n]],
  [7n, 7n, []],
] as const;
for (const [from, start, commitsAtEnd] of beginnings) {
  test(`a new group from ${typeof from === "object" ? "a time" : from} begins at ${start}, and is there from then on`, async () => {
    isNew = true;
    const group = await position(from);
    assert.equal(group.start, start);
    await group.commitDuring(never, () => Promise.resolve());
    assert.deepEqual(committed(), commitsAtEnd);
  });
}

test("what was printed before a failure is committed too, and the failure is told", async () => {
  const group = await position();
  const failure = new Error("the reading failed");
  await assert.rejects(
    group.commitDuring(never, () => {
      group.advance(4n);
      return Promise.reject(failure);
    }),
    failure,
  );
  assert.deepEqual(committed(), [4n]);
});

test("what was written for nobody is not committed", async () => {
  const group = await position();
  await assert.rejects(
    group.commitDuring(never, () => {
      group.advance(4n);
      return Promise.reject(new ReaderGone());
    }),
    ReaderGone,
  );
  assert.deepEqual(commits, []);
});

test("being stopped is an end like any other", async () => {
  const group = await position();
  const stopping = new AbortController();
  await group.commitDuring(stopping.signal, async (signal) => {
    group.advance(4n);
    stopping.abort();
    signal.throwIfAborted();
  });
  assert.deepEqual(committed(), [4n]);
});

test("a commit that is refused while reading waits ends the reading, and is told", async () => {
  const group = await position();
  refusals = 1;
  const waiting = group.commitDuring(never, async (signal) => {
    group.advance(4n);
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  });
  await assert.rejects(waiting, { codeName: "PERMISSION_DENIED" });
});

test("a commit that is refused at the end is told", async () => {
  const group = await position();
  refusals = 1;
  const ending = group.commitDuring(never, async () => group.advance(4n));
  await assert.rejects(ending, { codeName: "PERMISSION_DENIED" });
});
