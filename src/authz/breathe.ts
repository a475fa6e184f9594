import { setImmediate } from "node:timers/promises";

/** Lets waiting calls run between two steps of building a large policy. */
export async function breathe(): Promise<void> {
  await setImmediate();
}
