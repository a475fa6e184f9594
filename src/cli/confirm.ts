/** Asking before something is gone for good. */
import { createInterface } from "node:readline";
import { OperatorError } from "../errors.js";

/**
 * Resolves once somebody at the terminal has answered `expected`.
 * @param question without what has to be answered
 * @throws OperatorError for any other answer, and where there is no terminal to ask at
 */
export async function confirm(question: string, expected: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new OperatorError(`${question} There is no terminal to ask at.`, [
      { source: "--yes", problem: "is needed to go on without being asked" },
    ]);
  }
  process.stderr.write(`${question} Type ${expected} to go on: `);
  const typed = await line();
  if (typed === expected || (expected === "y" && typed === "yes")) return;
  const isNo = typed === "" || /^no?$/i.test(typed);
  throw new OperatorError(`${isNo ? "" : "that was not it: "}nothing was changed`);
}

/** What is typed up to the end of a line; nothing at Ctrl-D. */
async function line(): Promise<string> {
  // Left to the terminal, Ctrl-C ends the process as it does everywhere else.
  const reader = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const typed of reader) return typed.trim();
    process.stderr.write("\n");
    return "";
  } finally {
    reader.close();
  }
}
