import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CallError } from "../../src/client/index.js";
import { type PolicyBytes, policyFileNames } from "../../src/authz/index.js";
import { consumeBytes, consumed, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/**
 * Two policies take turns as fast as they can be activated, while callers try everything. What neither of them allows must never
 * happen, whatever a mixture of the two would allow; and what both allow must never be refused.
 */

// Roles of the one with rules of the other would let billing write to `neither`, and reports read it.
const common = "p, acme/root, acme, *, *, allow\np, acme/shipping, acme, both, *, allow\n";
const one = `${common}g, acme/billing, role:writer, acme\ng, acme/reports, role:reader, acme
p, role:writer, acme, one, produce, allow\np, role:reader, acme, one, consume, allow\n`;
const other = `${common}g, acme/clerk, role:writer, acme\ng, acme/clerk, role:reader, acme
p, role:writer, acme, neither, produce, allow\np, role:reader, acme, neither, consume, allow
p, acme/billing, acme, other, produce, allow\np, acme/reports, acme, other, consume, allow\n`;

const milliseconds = 4_000;
/** Also where the machine is busy. */
const leastActivations = 10;

async function bytesOf(node: TestNode, rules: string): Promise<PolicyBytes> {
  const read = policyFileNames.map(async (name) => [name, await readFile(join(node.config.policyDir, name))] as const);
  return { ...(Object.fromEntries(await Promise.all(read)) as PolicyBytes), "policy.csv": Buffer.from(rules) };
}

test("across activations nothing happens that neither policy allows, and what both allow always does", async () => {
  await using node = await startTestNode({ policy: { "policy.csv": one } });
  for (const topic of ["one", "other", "both", "neither"]) await node.as("acme/root").produce("root", { topic });
  const policies = [await bytesOf(node, other), await bytesOf(node, one)];
  const until = performance.now() + milliseconds;
  const isOver = (): boolean => performance.now() > until && counts.activations >= leastActivations;
  const counts = { activations: 0, allowed: 0, refused: 0, streams: 0, cut: 0, kept: 0 };

  const activating = async (): Promise<void> => {
    while (!isOver() || counts.activations % 2 !== 0) {
      const basedOn = node.policy.status().active.version;
      await node.policy.activate(policies[counts.activations++ % 2]!, { basedOn, author: "acme/root" });
    }
  };
  /** Whether it was allowed; anything but a refusal is an error. */
  const attempt = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      counts.allowed++;
      return true;
    } catch (error) {
      if (!(error instanceof CallError) || error.codeName !== "PERMISSION_DENIED") throw error;
      counts.refused++;
      return false;
    }
  };
  const trying = async (principal: string): Promise<void> => {
    const client = node.as(principal);
    while (!isOver()) {
      for (const topic of ["one", "other"]) {
        await attempt(client.produce(principal, { topic }));
        await attempt(client.consume({ topic, maxRecords: 1 }));
      }
      expect(await attempt(client.produce(principal, { topic: "neither" })), `${principal} wrote to neither`).toBe(
        false,
      );
      expect(await attempt(client.consume({ topic: "neither" })), `${principal} read neither`).toBe(false);
    }
  };
  const withBoth = async (): Promise<void> => {
    while (!isOver()) {
      await node.as("acme/shipping").produce("shipping", { topic: "both" });
      counts.kept++;
    }
  };
  /** Streams stay open as long as they are let: those are of one policy alone, and must end with it. */
  const streaming = async (topic: string): Promise<void> => {
    while (!isOver()) {
      const reader = node.raw("acme/reports").open("ConsumeStream");
      reader.send(consumeBytes({ topic }));
      reader.halfClose();
      const writer = node.raw("acme/billing").open("ProduceStream");
      writer.send(produceBytes({ topic, records: ["stream"] }));
      counts.streams += 2;
      const ended = await Promise.all([reader.end(), writer.end()]);
      for (const { code } of ended) expect(code).toBe("PERMISSION_DENIED");
      counts.cut += ended.filter(({ messages }) => messages.length > 0).length;
    }
  };
  const tailing = node.raw("acme/shipping").open("ConsumeStream");
  tailing.send(consumeBytes({ topic: "both" }));
  tailing.halfClose();

  const callers = ["acme/billing", "acme/reports"].map(trying);
  await Promise.all([activating(), ...callers, withBoth(), ...["one", "other", "one"].map(streaming)]);

  expect(await node.valuesOf("acme", "neither")).toEqual(["root"]);
  // The stream that both policies allow saw none of it.
  const records = (await tailing.received(counts.kept + 1)).flatMap((bytes) => consumed(bytes).records);
  expect(records).toHaveLength(counts.kept + 1);
  tailing.cancel();
  // It was worth something: everyone was allowed and refused, and streams were cut off when they had begun.
  for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(0);
  expect(new Set(await node.valuesOf("acme", "one"))).toEqual(new Set(["root", "acme/billing", "stream"]));
  expect(new Set(await node.valuesOf("acme", "other"))).toEqual(new Set(["root", "acme/billing", "stream"]));
});
