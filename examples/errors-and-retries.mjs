// What a program can tell from an error, and how to produce once also when the program itself may be started again.
//
//   node examples/errors-and-retries.mjs
import { setTimeout } from "node:timers/promises";
import { CallError } from "aclog";
import { connect } from "./connect.mjs";

const client = connect("acme/root");
const stranger = connect("acme/nobody");

/**
 * While a client lives it stores nothing twice by itself: it sends again what had no answer, and the server knows it
 * again. A program that is started anew is another client. Its offset tells: stored once at `expectedOffset`, a batch cannot
 * be stored there a second time. (For a topic with one writer. With several, the batch of another one may be there: read
 * it and look.)
 */
async function produceOnce(records, { topic, expectedOffset }) {
  for (let attempt = 1; ; attempt++) {
    try {
      const { offset } = await client.produce(records, { topic, expectedOffset, timeoutMs: 5_000 });
      return offset;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.reason === "UNEXPECTED_OFFSET" && attempt > 1) return expectedOffset;
      const mayPass = ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.codeName) || error.retryAfterMs !== undefined;
      if (!mayPass || attempt === 5) throw error;
      await setTimeout(error.retryAfterMs ?? 200 * 2 ** attempt);
    }
  }
}

/** Prints what is in the error of a call that has to fail. */
async function show(what, call) {
  const error = await call.catch((error) => error);
  if (!(error instanceof CallError)) throw new Error(`${what} did not fail`, { cause: error });
  console.log(`${what}: ${error.codeName}, reason ${error.reason}, facts ${JSON.stringify(error.facts)}`);
}

try {
  const { offset, count } = await client.produce("first", { topic: "orders" });
  const next = offset + BigInt(count);
  console.log(`stored once at offset ${await produceOnce("second", { topic: "orders", expectedOffset: next })}`);

  await show("an offset that is taken", client.produce("third", { topic: "orders", expectedOffset: next }));
  await show("an offset past the end", client.consume({ topic: "orders", from: next + 1_000_000n }));
  await show("a topic that is not there", client.consume({ topic: "no-such-topic" }));
  // The decision leads the server's administrator to the rule, or to there being none.
  await show("a caller without rights", stranger.produce("let me in", { topic: "orders" }));
  await show("a deadline", client.consume({ topic: "orders", from: next + 1n, maxWaitMs: 60_000, timeoutMs: 100 }));

  // Whoever aborts a call gets the reason for it back.
  const reason = new Error("nobody waits for it any more");
  await client.produce("fourth", { signal: AbortSignal.abort(reason) }).catch((error) => {
    console.log(`aborted because ${error.message}`);
  });
} finally {
  await Promise.all([client.close(), stranger.close()]);
}
