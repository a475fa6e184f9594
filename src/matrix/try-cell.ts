/** One cell on the wire: every method of its action, and what each of them did. */
import { status } from "@grpc/grpc-js";
import type { StatedCase } from "../authz/index.js";
import type { Answer } from "./answer.js";
import { type Attempt, type Scene, attemptsOf } from "./attempts.js";
import { changeBetween } from "./topic-view.js";

/** What came of one call. */
export interface Attempted {
  readonly method: string;
  /** `neither`: something else than success or a refusal for want of permission, or one that was not kept. */
  readonly got: "allow" | "deny" | "neither";
  /** What was not as it should be, whatever was stated. */
  readonly problem?: string;
  /** Of a refusal by the policy: the status, and why, in the words of the server's log. */
  readonly refusal?: { readonly layer: "policy"; readonly status: string; readonly said: string };
}

/** What came of all of them. */
export interface TriedCell {
  readonly cell: StatedCase;
  /** `neither`: the methods disagree, or one of them is neither. */
  readonly got: Attempted["got"];
  /** Empty: there is no call for this cell, and the policy alone was asked. */
  readonly attempts: readonly Attempted[];
  /** Why it was not tried at all; it is `neither` then. */
  readonly untried?: string;
}

/** A cell for which there is no call. */
export function judgedByPolicy(cell: StatedCase, decision = cell.decision): TriedCell {
  return { cell, got: decision, attempts: [] };
}

/** A cell that could not be tried. */
export function untried(cell: StatedCase, why: string): TriedCell {
  return { cell, got: "neither", attempts: [], untried: why };
}

export async function tryCell(cell: StatedCase, scene: Scene): Promise<TriedCell> {
  const attempts: Attempted[] = [];
  for (const attempt of attemptsOf[cell.action]) {
    if (attempt.applies?.(scene) !== false) attempts.push(await tryOnce(attempt, scene));
  }
  return inAll(cell, attempts);
}

/** What came of a cell, by what came of each of its methods. */
export function inAll(cell: StatedCase, attempts: readonly Attempted[]): TriedCell {
  const [first] = attempts;
  const agree = attempts.every(({ got }) => got === first?.got);
  return { cell, got: agree && first !== undefined ? first.got : "neither", attempts };
}

/** One method: what is needed before, the call, and what it changed. */
export async function tryOnce(attempt: Attempt, scene: Scene): Promise<Attempted> {
  const { topic } = scene;
  if (attempt.needs === "the topic") await topic.prepare();
  else await topic.remove();
  const before = topic.state();
  scene.saidDenied?.();
  const answer = await attempt.call(scene);
  const change = changeBetween(before, topic.state());
  const judged = { method: attempt.method, ...judge(attempt, answer, change) };
  if (judged.got !== "deny" || attempt.lists || scene.saidDenied === undefined) return judged;
  const said = scene.saidDenied();
  if (said === undefined) return { ...judged, got: "neither", problem: "refused, and the log does not say so" };
  return { ...judged, refusal: { layer: "policy", status: "PERMISSION_DENIED", said } };
}

function judge(attempt: Attempt, answer: Answer<unknown>, change: string): Omit<Attempted, "method"> {
  const delivered = answer.messages.length;
  if (answer.code === status.OK) {
    if (!attempt.effects.includes(change)) {
      return { got: "neither", problem: `answered OK, and what happened is: ${change}` };
    }
    if (attempt.reads && delivered === 0) return { got: "neither", problem: "answered OK, and delivered nothing" };
    return { got: "allow" };
  }
  if (answer.code !== status.PERMISSION_DENIED || answer.reason !== "PERMISSION_DENIED") {
    return { got: "neither", problem: `${status[answer.code]}: ${answer.details}` };
  }
  if (change !== "nothing") return { got: "neither", problem: `refused, and yet it ${change}` };
  if (delivered > 0) return { got: "neither", problem: `refused, and yet it delivered ${delivered}` };
  return { got: "deny" };
}
