import { expect, test, vi } from "vitest";
import { RefusedLines } from "../../src/node/refused-lines.js";
import { LogLines } from "../support/test-node.js";

test("a flood of refused connections has few lines, all of them are counted, and other kinds have their own", () => {
  vi.useFakeTimers();
  try {
    const log = new LogLines();
    log.logger.level = "info";
    const lines = new RefusedLines(log.logger);
    for (let count = 0; count < 100_000; count++) {
      lines.note({ peer: `10.0.0.1:${count}`, kind: "protocol", reason: "x".repeat(10_000) });
      lines.note({ peer: "10.0.0.2:1", kind: "full", reason: "full" });
    }
    lines.note({
      peer: "10.0.0.3:1",
      kind: "revoked",
      reason: "the certificate was revoked",
      subject: "CN=a",
      serial: "1",
    });
    expect(log.lines).toHaveLength(202);
    expect(log.lines[0]).toMatchObject({ msg: "connection refused", kind: "protocol", reason: "x".repeat(500) });
    expect(log.lines[1]).toMatchObject({ msg: "connections refused", kind: "full", count: 1 });
    expect(log.lines.at(-1)).toMatchObject({
      msg: "connection refused",
      kind: "revoked",
      subject: "CN=a",
      serial: "1",
      next: "have another one issued",
    });
    vi.advanceTimersByTime(10_000);
    expect(log.lines.slice(202)).toMatchObject([
      { msg: "connections refused", kind: "protocol", count: 99_800, peer: "10.0.0.1:99999" },
      { msg: "connections refused", kind: "full", count: 99_999 },
    ]);
    lines.note({ peer: "10.0.0.1:1", kind: "protocol", reason: "again" });
    expect(log.lines.at(-1)).toMatchObject({ msg: "connection refused", reason: "again" });
  } finally {
    vi.useRealTimers();
  }
});

test("a log at debug has a line for each of them", () => {
  vi.useFakeTimers();
  try {
    const log = new LogLines();
    const lines = new RefusedLines(log.logger);
    for (let count = 0; count < 300; count++) {
      lines.note({ peer: `10.0.0.1:${count}`, kind: "expired", reason: "the certificate has expired" });
    }
    const told = log.lines.filter(({ msg }) => msg === "connection refused");
    expect(told.map(({ level }) => level)).toEqual([...Array<number>(200).fill(40), ...Array<number>(100).fill(20)]);
    expect(told.at(-1)).toMatchObject({ peer: "10.0.0.1:299", kind: "expired", reason: "the certificate has expired" });
  } finally {
    vi.useRealTimers();
  }
});
