import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeProduceAnswer } from "../../src/transport/produce-answer.js";
import { produced } from "../support/raw-client.js";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const topicIds = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex"));

/** Where a varint gets one byte longer, and where numbers are cut in two. */
const edges = [0n, 2n ** 53n - 1n, 2n ** 64n - 1n].concat(
  Array.from({ length: 9 }, (_, index) => 2n ** BigInt(7 * (index + 1))).flatMap((edge) => [
    edge - 1n,
    edge,
    edge + 1n,
  ]),
);

function decoded(answer: Parameters<typeof encodeProduceAnswer>[0]) {
  const { offset, count, topicId, requestId, error } = produced(encodeProduceAnswer(answer));
  return { offset, count, topicId: topicId.toString("hex"), requestId, error };
}

test("an answer says to any decoder what it was made of", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
      fc.nat({ max: 2 ** 32 - 1 }),
      topicIds,
      fc.option(fc.oneof(uint64, fc.constantFrom(...edges)), { nil: undefined }),
      (offset, count, topicId, requestId) => {
        const answer = { offset, count, topicId, requestId };
        expect(decoded(answer)).toMatchObject({ offset, count, topicId, error: null });
        if (requestId !== undefined) expect(decoded(answer).requestId).toBe(requestId);
      },
    ),
  );
});

test.each(edges)("a request id of %s comes back as it was", (requestId) => {
  const answer = { offset: 7n, count: 1, topicId: "00112233445566778899aabbccddeeff", requestId };
  expect(decoded(answer)).toMatchObject({ ...answer, error: null });
});
