import fc from "fast-check";
import { expect, test } from "vitest";
import { BufferPool, type Lease } from "../src/buffer-pool.js";

/** What is lent, and the byte that its holder has filled it with. */
interface Held {
  readonly lease: Lease;
  readonly mark: number;
}

const isIntact = ({ lease, mark }: Held): boolean => lease.bytes.every((byte) => byte === mark);

test("what is lent is nobody else's until it is given back, whoever asks for how much", () => {
  const sizes = fc.constantFrom(0, 1, 5000, 16_384, 65_536, 65_537, 130_000, 300_000, 600_000, 1_200_000);
  fc.assert(
    fc.property(fc.array(fc.oneof(sizes, fc.nat({ max: 40 })), { maxLength: 60 }), (steps) => {
      const pool = new BufferPool();
      let held: Held[] = [];
      for (const [mark, step] of steps.entries()) {
        if (step > 40 || held.length === 0) {
          const lease = pool.lend(step);
          expect(lease.bytes.length).toBe(step);
          lease.bytes.fill(mark);
          held.push({ lease, mark });
        } else {
          const [given] = held.splice(step % held.length, 1);
          expect(isIntact(given!)).toBe(true);
          given!.lease.release();
          // To say it twice gives nothing back twice.
          given!.lease.release();
        }
      }
      expect(held.every(isIntact)).toBe(true);
      held = [];
    }),
    { numRuns: 100 },
  );
});

test("what was given back is lent again, and cannot be looked at any more by who gave it back", () => {
  const pool = new BufferPool();
  const first = pool.lend(100_000);
  const memory = first.bytes.buffer;
  first.release();
  expect(() => first.bytes).toThrow(TypeError);
  expect(pool.lend(120_000).bytes.buffer).toBe(memory);
  expect(pool.lend(120_000).bytes.buffer).not.toBe(memory);
});

test("a pool keeps a bounded part of what comes back", () => {
  const pool = new BufferPool();
  const lent = Array.from({ length: 100 }, () => pool.lend(600_000));
  const memory = new Set(lent.map(({ bytes }) => bytes.buffer));
  for (const lease of lent) lease.release();
  const again = Array.from({ length: 100 }, () => pool.lend(600_000).bytes.buffer);
  expect(again.filter((buffer) => memory.has(buffer)).length).toBe(4);
});
