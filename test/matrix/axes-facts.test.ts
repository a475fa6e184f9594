import { describe, expect, test } from "vitest";
import { type Facts, countersOf, problemsIn, saidOf, wrongRecords } from "../../src/matrix/axes-facts.js";
import { actions } from "../../src/matrix/axes/actions.js";
import { credentials } from "../../src/matrix/axes/credentials.js";
import { moments } from "../../src/matrix/axes/moments.js";
import { resources } from "../../src/matrix/axes/resources.js";
import { type Cell, expectedOf } from "../../src/matrix/oracle.js";
import { miscounted } from "../../src/matrix/counters.js";
import { preparedText } from "../../src/matrix/topic-view.js";

const by = <Value extends { readonly name: string }>(values: readonly Value[], name: string): Value =>
  values.find((value) => value.name === name)!;

function cellOf(action: string, resource: string, { moment = "at the call", credential = "valid" } = {}): Cell {
  return {
    credential: by(credentials, credential),
    action: by(actions, action),
    resource: by(resources, resource),
    moment: by(moments, moment),
  };
}

const errand = {
  principal: "acme/wild-1",
  tenant: "acme",
  topic: "cards.1",
  offset: 0n,
  home: "home.1",
  mark: "mark-x-1..",
  laterMark: "mark-x-1.-later.",
};
const topicId = "00112233445566778899aabbccddeeff";
const state = { topicId, base: 0n, next: 1n, settings: "{}" };
const details = "acme/wild-1 may not consume from acme/cards.1 (decision aZ09_-aZ09_-)";
const refusal = { status: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", details };
const asked = { principal: "acme/wild-1", tenant: "acme", topic: "cards.1", action: "consume" };
const lines = [
  { level: 40, msg: "denied", reason: "no rule allows it", ...asked },
  { level: 30, msg: "call refused", code: "PERMISSION_DENIED" },
];

/** A refusal by the policy as it must be, but for what a test changes. */
function refused(changes: Partial<Facts> = {}): Facts {
  return {
    knocks: [{ due: "in", seen: { principal: "acme/wild-1" }, isSpokenTo: true }],
    ending: refusal,
    messages: [],
    before: state,
    after: state,
    lines,
    closedAfterMs: undefined,
    troubles: [],
    ...changes,
  };
}

function told(cell: Cell, facts: Facts): readonly string[] {
  return problemsIn(cell, expectedOf(cell), errand, facts);
}

describe("a refusal", () => {
  const cell = cellOf("Log/Consume", "denied inside what is allowed");

  test("that is as it must be is told by no problem, in the words of the log, and counted", () => {
    expect(told(cell, refused())).toEqual([]);
    expect(saidOf(refused())).toBe("no rule allows it");
    expect(countersOf(cell, expectedOf(cell), refused())).toEqual([
      'aclog_call_duration_seconds_count{method="/log.v1.Log/Consume",code="PERMISSION_DENIED"}',
    ]);
  });

  test.each([
    [
      "another status",
      { ending: { ...refusal, status: "NOT_FOUND", reason: "TOPIC_NOT_FOUND", details: "no" } },
      "came to NOT_FOUND TOPIC_NOT_FOUND (no)",
    ],
    ["another reason", { ending: { ...refusal, reason: "", details: "no" } }, "came to PERMISSION_DENIED (no)"],
    [
      "more words",
      { ending: { ...refusal, details: details.replace("cards.1", "cards.1, which exists") } },
      "its words tell more than what was asked: acme/wild-1 may not consume from acme/cards.1, which exists",
    ],
    ["no end", { ending: undefined }, "the call is still open"],
    ["a record beside it", { messages: [Buffer.from(`x${preparedText}`)] }, "something was delivered all the same"],
    ["something else beside it", { messages: [Buffer.from("x")] }, "something was delivered all the same"],
    ["a topic that changed", { after: { ...state, next: 2n } }, 'what happened to the topic is "stored 1"'],
    ["a topic that is gone", { after: undefined }, 'what happened to the topic is "removed the topic"'],
    ["a log without the denial", { lines: lines.slice(1) }, "the log does not say that it was denied"],
    [
      "a denial of somebody else's in the log",
      { lines: [{ ...lines[0], principal: "acme/root" }, lines[1]] },
      "the log does not say that it was denied",
    ],
    [
      "a denial of something else in the log",
      { lines: [{ ...lines[0], action: "describe" }, lines[1]] },
      "the log does not say that it was denied",
    ],
    ["a log without the call", { lines: lines.slice(0, 1) }, "the log has no call with PERMISSION_DENIED"],
    [
      "another caller",
      { knocks: [{ due: "in", seen: { principal: "acme/root" }, isSpokenTo: true }] },
      "is taken for acme/root",
    ],
  ] as const)("with %s is found out", (_what, changes, problem) => {
    expect(told(cell, refused(changes as Partial<Facts>))).toEqual([expect.stringContaining(problem)]);
  });

  test("that was a success after all is found out", () => {
    const facts = refused({ ending: { status: "OK", reason: "", details: "" }, messages: [Buffer.from(preparedText)] });
    expect(told(cell, facts)[0]).toBe('came to "done" and not PERMISSION_DENIED');
  });
});

describe("a success", () => {
  const cell = cellOf("Log/Consume", "own topic, by a wildcard");
  const done = { ending: { status: "OK", reason: "", details: "" }, lines: [] };

  test("that delivers what was prepared is one, and without it is none", () => {
    expect(told(cell, refused({ ...done, messages: [Buffer.from(preparedText)] }))).toEqual([]);
    expect(told(cell, refused({ ...done, messages: [Buffer.from("x")] }))).toEqual([
      'came to "shows nothing" and not "done"',
    ]);
  });

  test("that did nothing is none", () => {
    const creating = cellOf("Topics/Create", "missing, and he may create it");
    expect(told(creating, refused({ ...done, before: undefined, after: undefined }))).toEqual([
      'what happened to the topic is "nothing" and not "made the topic"',
    ]);
  });
});

describe("who is turned away", () => {
  const cell = cellOf("Log/Produce", "own topic, by a wildcard", { credential: "empty CN" });
  const due = { layer: "identity", word: "no_name" } as const;
  const cutOff = { status: "cut off", reason: "", details: "" };
  const away = (changes: Partial<Facts> = {}): Facts =>
    refused({
      knocks: [{ due, seen: { word: "no_name", said: "CN" }, isSpokenTo: false }],
      ending: cutOff,
      lines: [],
      ...changes,
    });

  test("for the right reason is counted by it", () => {
    expect(told(cell, away())).toEqual([]);
    expect(countersOf(cell, expectedOf(cell), away())).toEqual(['aclog_connections_refused_total{reason="no_name"}']);
  });

  test.each([
    ["let in", { knocks: [{ due, seen: { principal: "acme/" }, isSpokenTo: true }] }, "was let in as acme/"],
    [
      "turned away for something else",
      { knocks: [{ due, seen: { word: "weak", said: "RSA" }, isSpokenTo: false }] },
      "was turned away as weak (RSA) and not as no_name",
    ],
    [
      "spoken to",
      { knocks: [{ due, seen: { word: "no_name", said: "CN" }, isSpokenTo: true }] },
      "was spoken to in HTTP although he was turned away",
    ],
    ["answered", { ending: refusal }, `came to PERMISSION_DENIED (${details}) and not cut off`],
    [
      "counted among the calls",
      { lines: [{ level: 30, code: "OK" }] },
      "the log has a call of somebody who was turned away",
    ],
  ] as const)("and yet %s is found out", (_what, changes, problem) => {
    expect(told(cell, away(changes as Partial<Facts>))).toContain(problem);
  });
});

test("a stream that goes on for a moment after its right is gone is found out", () => {
  const cell = cellOf("Log/ConsumeStream", "own topic, by a wildcard", { moment: "after the right is gone" });
  const before = Buffer.from(preparedText);
  const facts = refused({ messages: [before] });
  expect(told(cell, facts)).toEqual([]);
  expect(told(cell, { ...facts, messages: [before, Buffer.from(`x${errand.laterMark}`)] })).toEqual([
    "something was delivered all the same",
  ]);
  const expected = expectedOf(cell);
  expect(wrongRecords(cell, expected, errand, [{ text: errand.laterMark, topic: "acme/cards.1" }])).toEqual([]);
});

test("a stream that is refused and makes the topic all the same is found out", () => {
  const cell = cellOf("Log/ProduceStream, first message", "missing, longer than his exact name");
  const [who, topic] = ["acme/exact-1", "exact-1.x"];
  const theirs = { ...errand, principal: who, topic };
  const facts = refused({
    knocks: [{ due: "in", seen: { principal: who }, isSpokenTo: true }],
    ending: { ...refusal, details: `${who} may not produce to acme/${topic} (decision aZ09_-aZ09_-)` },
    before: undefined,
    after: undefined,
    lines: [{ ...lines[0]!, principal: who, topic, action: "produce" }, lines[1]!],
  });
  expect(problemsIn(cell, expectedOf(cell), theirs, facts)).toEqual([]);
  const made = { ...state, next: 0n };
  expect(problemsIn(cell, expectedOf(cell), theirs, { ...facts, after: made })).toEqual([
    'what happened to the topic is "made the topic" and not "nothing"',
  ]);
});

test("a connection that is not closed, or too late, is found out", () => {
  const cell = cellOf("Log/ConsumeStream", "own topic, by a wildcard", { moment: "after the certificate was revoked" });
  const ending = { status: "UNAUTHENTICATED", reason: "UNAUTHENTICATED", details: "" };
  const facts = refused({ ending, lines: [{ level: 30, code: "UNAUTHENTICATED" }] });
  expect(told(cell, { ...facts, closedAfterMs: 700 })).toEqual([]);
  expect(told(cell, { ...facts, closedAfterMs: 1_200 })).toEqual(["the connection was closed only after 1200 ms"]);
  expect(told(cell, { ...facts, closedAfterMs: Infinity })).toEqual(["the connection stays open"]);
});

test.each([
  ["after the certificate was revoked", "revoked"],
  ["after the authority is gone", "untrusted"],
  ["after the tenant was suspended", "tenant_suspended"],
  ["during the drain", undefined],
  ["during the roll-over to another authority", undefined],
])("a connection that was let in is counted once when it is ended: %s", (moment, reason) => {
  const cell = cellOf("Log/Consume", "own topic, by a wildcard", { moment });
  const expected = expectedOf(cell);
  const { knocks } = refused();
  const ended = (names: readonly string[]): readonly string[] => names.filter((name) => name.includes("_ended_"));
  const due = reason === undefined ? [] : [`aclog_connections_ended_total{reason="${reason}"}`];
  expect(ended(countersOf(cell, expected, { knocks }))).toEqual(due);
  expect(ended(countersOf(cell, expected, { knocks: [] }))).toEqual([]);
});

test("what was sent must be where it belongs, and nowhere else", () => {
  const denied = cellOf("Log/Produce", "denied inside what is allowed");
  const stray = [{ text: `${errand.mark} and so on`, topic: "globex/cards.1" }];
  expect(wrongRecords(denied, expectedOf(denied), errand, [])).toEqual([]);
  expect(wrongRecords(denied, expectedOf(denied), errand, stray)).toEqual([
    "what was sent is stored in globex/cards.1 and not in no topic",
  ]);
  const allowed = cellOf("Log/Produce", "own topic, by a wildcard");
  const here = { text: errand.mark, topic: "acme/cards.1" };
  expect(wrongRecords(allowed, expectedOf(allowed), errand, [here])).toEqual([]);
  expect(wrongRecords(allowed, expectedOf(allowed), errand, [])).toEqual([
    "what was sent is stored in no topic and not in acme/cards.1",
  ]);
  expect(wrongRecords(allowed, expectedOf(allowed), errand, [here, here])).toHaveLength(1);
  const later = cellOf("Log/ProduceStream, later message", "denied inside what is allowed");
  const atHome = { text: errand.laterMark, topic: "acme/home.1" };
  expect(wrongRecords(later, expectedOf(later), errand, [atHome])).toEqual([]);
});

test("a position of a consumer group that is stored although that was refused is found out", () => {
  const position = { text: `${errand.mark} and so on`, topic: "acme/_offsets" };
  const denied = cellOf("Offsets/Commit", "denied inside what is allowed");
  // One was there before.
  expect(wrongRecords(denied, expectedOf(denied), errand, [position])).toEqual([]);
  expect(wrongRecords(denied, expectedOf(denied), errand, [position, position])).toEqual([
    "what is stored of its group's position are 2 records and not 1",
  ]);
  const allowed = cellOf("Offsets/Commit", "own topic, by a wildcard");
  expect(wrongRecords(allowed, expectedOf(allowed), errand, [position, position])).toEqual([]);
  expect(wrongRecords(allowed, expectedOf(allowed), errand, [position])).toHaveLength(1);
});

test("counters that went up by something else are told, and connections that nobody knows of", () => {
  const before = new Map([["a", 1]]);
  const after = new Map([
    ["a", 2],
    ['aclog_connections_refused_total{reason="weak"}', 1],
    ['aclog_connections_ended_total{reason="revoked"}', 2],
  ]);
  expect(miscounted(before, after, new Map([["a", 2]]))).toEqual([
    "a went up by 1 and not by 2",
    'aclog_connections_refused_total{reason="weak"} went up by 1 and not by 0',
    'aclog_connections_ended_total{reason="revoked"} went up by 2 and not by 0',
  ]);
});
