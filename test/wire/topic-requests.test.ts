import type { MessageTypeDefinition } from "@grpc/proto-loader";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ServiceError } from "../../src/errors.js";
import { logPackageDefinition } from "../../src/wire/definition.js";
import { readCommitOffsetRequest, readGroupRequest, readListOffsetsRequest } from "../../src/wire/offset-requests.js";
import { UnreadableRequest } from "../../src/wire/request-fields.js";
import {
  readCreateTopicRequest,
  readDeleteTopicRequest,
  readDescribeTopicRequest,
  readListTopicsRequest,
  readTruncateTopicRequest,
  readUpdateTopicRequest,
} from "../../src/wire/topic-requests.js";
import { bytesField, concat, tag, varintField } from "../support/protobuf.js";

/** Each request: its reader, and a message that has every field. */
const requests = {
  CreateTopicRequest: [
    readCreateTopicRequest,
    {
      topic: "orders",
      tenant: "acme",
      settings: { retentionMs: 9, retentionBytes: 8, retentionRecords: 7, compact: true },
    },
  ],
  DeleteTopicRequest: [readDeleteTopicRequest, { topic: "orders", tenant: "acme", topicId: Buffer.alloc(16, 9) }],
  DescribeTopicRequest: [readDescribeTopicRequest, { topic: "orders", tenant: "acme" }],
  ListTopicsRequest: [readListTopicsRequest, { tenant: "acme", prefix: "ord", pageSize: 7, pageToken: "orders" }],
  UpdateTopicRequest: [
    readUpdateTopicRequest,
    {
      topic: "orders",
      tenant: "acme",
      topicId: Buffer.alloc(16, 9),
      retentionMs: 9,
      retentionBytes: 8,
      retentionRecords: 7,
      compact: true,
    },
  ],
  TruncateTopicRequest: [
    readTruncateTopicRequest,
    { topic: "orders", tenant: "acme", topicId: Buffer.alloc(16, 9), beforeOffset: 2n ** 64n - 1n },
  ],
  CommitOffsetRequest: [
    readCommitOffsetRequest,
    { group: "g", topic: "orders", tenant: "acme", offset: 2n ** 64n - 1n, topicId: Buffer.alloc(16, 9) },
  ],
  FetchOffsetRequest: [readGroupRequest, { group: "g", topic: "orders", tenant: "acme" }],
  DeleteOffsetRequest: [readGroupRequest, { group: "g", topic: "orders", tenant: "acme" }],
  ListOffsetsRequest: [
    readListOffsetsRequest,
    { topic: "orders", tenant: "acme", group: "g", pageSize: 7, pageToken: "orders/g" },
  ],
} as const;
type Name = keyof typeof requests;
const names = Object.keys(requests) as Name[];

const encode = (name: Name, message: object): Buffer =>
  (logPackageDefinition[`log.v1.${name}`] as unknown as MessageTypeDefinition<object, object>).serialize(message);
const read = (name: Name, bytes: Buffer): object => requests[name][0](bytes);
const whole = (name: Name): Buffer => encode(name, requests[name][1]);

function refusal(name: Name, bytes: Buffer): ServiceError {
  const request = read(name, bytes);
  expect(request).toBeInstanceOf(UnreadableRequest);
  expect((request as UnreadableRequest).error).toBeInstanceOf(ServiceError);
  return (request as UnreadableRequest).error as ServiceError;
}

const settings = { retentionMs: 9, retentionBytes: 8, retentionRecords: 7, compact: true };
const selector = { topic: "orders", tenant: "acme", topicId: "09".repeat(16) };
const anyTopic = { topic: "orders", tenant: "acme", topicId: undefined };
const expected: Readonly<Record<Name, object>> = {
  CreateTopicRequest: { ...anyTopic, settings },
  DeleteTopicRequest: selector,
  DescribeTopicRequest: anyTopic,
  ListTopicsRequest: { ...anyTopic, topic: "", prefix: "ord", page: { size: 7, token: "orders" } },
  UpdateTopicRequest: { ...selector, change: settings },
  TruncateTopicRequest: { ...selector, beforeOffset: 2n ** 64n - 1n },
  CommitOffsetRequest: { ...selector, group: "g", offset: 2n ** 64n - 1n },
  FetchOffsetRequest: { ...anyTopic, group: "g" },
  DeleteOffsetRequest: { ...anyTopic, group: "g" },
  ListOffsetsRequest: {
    ...anyTopic,
    group: "g",
    page: { size: 7, token: "orders/g" },
    after: { topic: "orders", group: "g" },
  },
};

describe.each(names)("a %s", (name) => {
  test("gives every field, and cannot be changed", () => {
    const request = read(name, whole(name));
    expect(request).toEqual(expected[name]);
    expect(Object.isFrozen(request)).toBe(true);
  });

  test("ignores fields that it does not know", () => {
    const unknown = [varintField(15, 1n), bytesField(2000, Buffer.alloc(300)), concat(tag(14, 1), Buffer.alloc(8))];
    expect(read(name, concat(...unknown, whole(name), ...unknown))).toEqual(expected[name]);
  });

  test("is refused with a field twice, whichever it is", () => {
    let fields = 0;
    for (let field = 1; field < 12; field++) {
      for (const twice of [varintField(field, 1n), bytesField(field, Buffer.alloc(0))]) {
        const request = read(name, concat(twice, twice));
        if (!(request instanceof UnreadableRequest)) continue;
        const { reason, message } = request.error as ServiceError;
        if (reason === "MALFORMED_MESSAGE" && message.includes("twice")) fields++;
      }
    }
    expect(fields).toBe(Object.keys(requests[name][1]).length);
  });

  test("is refused with a group, an overlong varint, or another wire type than its own", () => {
    for (const field of Object.keys(Object.values(requests[name][1])).map((index) => Number(index) + 1)) {
      for (const wrong of [concat(tag(field, 3), tag(field, 4)), concat(tag(field, 1), Buffer.alloc(8))]) {
        expect(refusal(name, wrong).reason, `field ${field}`).toBe("MALFORMED_MESSAGE");
      }
    }
    expect(refusal(name, concat(whole(name), Buffer.from([0x78, 0x80, 0x00]))).reason).toBe("MALFORMED_MESSAGE");
    expect(refusal(name, concat(whole(name), Buffer.from([0x0a, 0x05]))).reason).toBe("MALFORMED_MESSAGE");
  });

  test("of any bytes is a request or a typed error", () => {
    const mutated = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
      const copy = Buffer.from(whole(name));
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return copy;
    });
    const anything = fc.oneof(
      mutated,
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(anything, (message) => {
        const request = read(name, message);
        if (request instanceof UnreadableRequest) expect(request.error).toBeInstanceOf(ServiceError);
      }),
      { numRuns: 500 },
    );
    for (let cut = 0; cut <= whole(name).length; cut++) {
      const request = read(name, whole(name).subarray(0, cut));
      if (request instanceof UnreadableRequest) expect(request.error, `cut at ${cut}`).toBeInstanceOf(ServiceError);
    }
  });
});

describe("with nothing in it", () => {
  test.each(["CreateTopicRequest", "DeleteTopicRequest"] as const)(
    "a %s is refused: it must name its topic",
    (name) => {
      expect(refusal(name, Buffer.alloc(0))).toMatchObject({ reason: "INVALID_FIELD", field: "topic" });
    },
  );

  test.each(["CommitOffsetRequest", "FetchOffsetRequest", "DeleteOffsetRequest"] as const)(
    "a %s is refused: it must name its consumer group",
    (name) => {
      expect(refusal(name, Buffer.alloc(0))).toMatchObject({ reason: "INVALID_FIELD", field: "group" });
    },
  );

  test("a list begins at the start, with a hundred entries", () => {
    for (const name of ["ListTopicsRequest", "ListOffsetsRequest"] as const) {
      expect(read(name, Buffer.alloc(0))).toMatchObject({ tenant: "", topic: "", page: { size: 100, token: "" } });
    }
  });

  test("an update changes nothing", () => {
    const nothing = {
      retentionMs: undefined,
      retentionBytes: undefined,
      retentionRecords: undefined,
      compact: undefined,
    };
    expect(read("UpdateTopicRequest", Buffer.alloc(0))).toMatchObject({ change: nothing });
    expect(read("CreateTopicRequest", encode("CreateTopicRequest", { topic: "a" }))).toMatchObject({
      settings: nothing,
    });
  });
});

const refused: readonly (readonly [Name, object, string])[] = [
  ["CreateTopicRequest", { topic: "Orders" }, "topic"],
  ["CreateTopicRequest", { topic: "a/b" }, "topic"],
  ["CreateTopicRequest", { topic: "a", tenant: ".." }, "tenant"],
  ["CreateTopicRequest", { topic: "a", settings: { retentionMs: 2n ** 53n } }, "settings.retention_ms"],
  ["CreateTopicRequest", { topic: "a", settings: { retentionBytes: 2n ** 64n - 1n } }, "settings.retention_bytes"],
  ["CreateTopicRequest", { topic: "a", settings: { retentionRecords: 2n ** 53n } }, "settings.retention_records"],
  ["UpdateTopicRequest", { retentionMs: 2n ** 53n }, "retention_ms"],
  ["UpdateTopicRequest", { retentionRecords: 2n ** 63n }, "retention_records"],
  ["DeleteTopicRequest", { topic: "a", topicId: Buffer.alloc(15) }, "topic_id"],
  ["ListTopicsRequest", { pageToken: "../x" }, "page_token"],
  ["ListOffsetsRequest", { pageToken: "orders" }, "page_token"],
  ["ListOffsetsRequest", { pageToken: "orders/" }, "page_token"],
  ["ListOffsetsRequest", { pageToken: "/g" }, "page_token"],
  ["ListOffsetsRequest", { pageToken: "orders/g/h" }, "page_token"],
  ["ListOffsetsRequest", { group: "G" }, "group"],
  ["CommitOffsetRequest", { group: "_g" }, "group"],
  ["CommitOffsetRequest", { group: "g".repeat(201) }, "group"],
  ["FetchOffsetRequest", { group: "a/b" }, "group"],
];
test.each(refused)("a %s with %o is refused for its %s", (name, message, field) => {
  expect(refusal(name, encode(name, message))).toMatchObject({ reason: "INVALID_FIELD", field });
});

test("settings may have every number that can be calculated with, and a bool is 0 or 1", () => {
  const largest = BigInt(Number.MAX_SAFE_INTEGER);
  const change = { retentionMs: largest, retentionBytes: largest, retentionRecords: 0 };
  expect(read("UpdateTopicRequest", encode("UpdateTopicRequest", change))).toMatchObject({
    change: { retentionMs: 2 ** 53 - 1, retentionBytes: 2 ** 53 - 1, retentionRecords: 0, compact: undefined },
  });
  expect(read("UpdateTopicRequest", varintField(7, 0n))).toMatchObject({ change: { compact: false } });
  expect(refusal("UpdateTopicRequest", varintField(7, 2n)).reason).toBe("MALFORMED_MESSAGE");
});

test("what is wrong with settings names them", () => {
  const bad = concat(bytesField(1, Buffer.from("a")), bytesField(3, concat(varintField(1, 1n), varintField(1, 1n))));
  expect(refusal("CreateTopicRequest", bad)).toMatchObject({ reason: "MALFORMED_MESSAGE", field: "settings" });
  const cut = concat(bytesField(1, Buffer.from("a")), bytesField(3, Buffer.from([0x08])));
  expect(refusal("CreateTopicRequest", cut)).toMatchObject({ reason: "MALFORMED_MESSAGE", field: "settings" });
});

test("a page has at most a thousand entries, however many are asked for", () => {
  const most = encode("ListTopicsRequest", { pageSize: 2 ** 32 - 1 });
  expect(read("ListTopicsRequest", most)).toMatchObject({ page: { size: 1000 } });
  expect(refusal("ListTopicsRequest", varintField(3, 2n ** 32n))).toMatchObject({ field: "page_size" });
});
