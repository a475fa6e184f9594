/** What a failed command says and how it exits: what happened, to whom, and what to do next. */
import { CommanderError } from "commander";
import type { CallError } from "../client/index.js";
import { OperatorError, UnusablePolicy, WrongSettings, type Finding } from "../errors.js";
import { ReaderGone } from "./output.js";
import { exactSize } from "./units.js";
import { shortened, whyUnreachable } from "./unreachable.js";

/** Wrong flags or arguments. */
export class UsageError extends Error {}

/** What a command knows of a call that failed. */
export interface Aftermath {
  /** What it has to add, such as how to go on after what was printed. */
  readonly hint?: string | undefined;
  /** Some of it was done, or may have been: whoever tries the whole again would do that twice. */
  readonly hasBegun: boolean;
}

/** A call failed, and where. */
export class CallFailure extends Error {
  readonly call: CallError;
  readonly address: string;
  readonly aftermath: Aftermath;
  /** What it was called with. */
  readonly files: { readonly cert: string; readonly ca: string };

  constructor(call: CallError, address: string, aftermath: Aftermath, files: CallFailure["files"]) {
    super(call.message, { cause: call });
    this.call = call;
    this.address = address;
    this.aftermath = aftermath;
    this.files = files;
  }
}

interface Failure {
  readonly exitCode: 1 | 2;
  /** A word for programs: a gRPC code, USAGE, or what kind of failure it is. */
  readonly error: string;
  readonly message: string;
  readonly next?: string | undefined;
  readonly reason?: string | undefined;
  readonly facts?: Readonly<Record<string, string>>;
  readonly findings?: readonly Finding[];
}

/** Tells stderr, as one JSON object or in words, and gives back the exit code: 1 refused or failed, 2 wrong use. */
export function reportFailure(error: unknown, json: boolean): number {
  if (error instanceof ReaderGone) return 0;
  // Help and version end a command in this way too.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const failure = describe(error);
  if (json) {
    process.stderr.write(`${JSON.stringify({ ...failure, exitCode: undefined })}\n`);
  } else if (!(error instanceof CommanderError)) {
    // What commander refuses it has already explained.
    process.stderr.write(`aclog: ${failure.message}\n${failure.next === undefined ? "" : `  ${failure.next}\n`}`);
  }
  return failure.exitCode;
}

function describe(error: unknown): Failure {
  if (error instanceof CallFailure) return describeCall(error);
  if (error instanceof OperatorError) {
    const { message, findings } = error;
    // A flag or a variable is how the command was used; a file is something it found.
    const isUsage =
      error instanceof WrongSettings ||
      findings.some(({ source }) => source.startsWith("--") || source.startsWith("ACLOG_"));
    const kind = error instanceof UnusablePolicy ? "POLICY_REFUSED" : "OPERATOR_ERROR";
    return { exitCode: isUsage ? 2 : 1, error: isUsage ? "USAGE" : kind, message, findings };
  }
  if (error instanceof CommanderError || error instanceof UsageError) {
    return { exitCode: 2, error: "USAGE", message: inWords(error.message) };
  }
  // A system call's message says it all; anything else is a defect, and only its stack leads to it.
  const isSystemError = error instanceof Error && "syscall" in error;
  const message = error instanceof Error ? ((isSystemError ? undefined : error.stack) ?? error.message) : String(error);
  return { exitCode: 1, error: "FAILED", message };
}

/** What commander says, without its own words for things. */
export function inWords(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(/^command-argument value ('[^]*') is invalid for argument '(.*?)'\./, "argument $1 is no $2.");
}

function describeCall({ call, address, aftermath, files }: CallFailure): Failure {
  return {
    exitCode: 1,
    error: call.codeName,
    message: shortened(call.message),
    next: sentences(advice(call, address, aftermath, files), aftermath.hint),
    reason: call.reason,
    facts: call.facts,
  };
}

/** Those that there are, one behind the other; undefined where there are none. */
export function sentences(...each: readonly (string | undefined)[]): string | undefined {
  return each.filter((sentence) => sentence !== undefined).join(" ") || undefined;
}

function advice(
  call: CallError,
  address: string,
  { hasBegun }: Aftermath,
  files: CallFailure["files"],
): string | undefined {
  const { decision, base, next, requested, tenant, limit, topic } = call.facts;
  if (call.codeName === "PERMISSION_DENIED" && decision !== undefined) {
    return (
      `The server's administrator can look up why: decision ${decision} in the server's log, ` +
      `or: aclog policy why ${decision} --address ${address.replaceAll(", ", ",")} --as …`
    );
  }
  if (isBrokenConnection(call)) {
    return hasBegun ? `The connection to ${address} was lost.` : whyUnreachable(call.details, address, files);
  }
  if (call.reason === "OFFSET_OUT_OF_RANGE" && base !== undefined && next !== undefined) {
    if (requested !== undefined && BigInt(requested) < BigInt(base)) return gone(base, next);
    return base === next
      ? `The topic holds no records; the next one gets offset ${next}.`
      : `The topic holds offsets ${base} to ${BigInt(next) - 1n}.`;
  }
  if (call.reason === "UNEXPECTED_OFFSET" && !hasBegun) return taken(call.facts);
  if (call.reason === "QUOTA_EXCEEDED" && tenant !== undefined && limit !== undefined) {
    const raise = `The administrator of the policy can raise ${limit} for tenant ${tenant} in tenants.yaml.`;
    if (limit === "storage_bytes") return `${roomWithin(Number(call.facts["maximum"]))} ${raise}`;
    return call.retryAfterMs === undefined || hasBegun ? raise : `${again(call.retryAfterMs)} ${raise}`;
  }
  if (call.reason === "TOPIC_NOT_FOUND" && topic !== undefined) {
    return `\`aclog topics list\` shows which there are, \`aclog topics create ${topic}\` makes it.`;
  }
  if (call.reason === "POLICY_FILES_EDITED") {
    return "Somebody is editing them: wait until they are in force, put them back, or --overwrite (that work is lost).";
  }
  if (call.reason === "POLICY_VERSION_UNKNOWN") return "`aclog policy history` lists those that are.";
  return call.retryAfterMs === undefined || hasBegun ? undefined : again(call.retryAfterMs);
}

/** What a tenant can do by itself. */
function roomWithin(storageBytes: number): string {
  return `Deleting or truncating topics, or a shorter retention, makes room within the ${exactSize(storageBytes)}.`;
}

function again(afterMs: number): string {
  return `Trying again may help after ${afterMs} ms.`;
}

/** Of an expected offset that is not the next one, which may be a first attempt whose answer was lost. */
function taken({ expected, actual }: CallError["facts"]): string | undefined {
  if (expected === undefined || actual === undefined) return undefined;
  const last = BigInt(actual) - 1n;
  if (last < BigInt(expected)) return `--expected-offset ${actual} is the next one.`;
  const which = `${last}` === expected ? `Offset ${expected} is` : `Offsets ${expected} to ${last} are`;
  return `${which} taken: consume shows whether by these records. If not, --expected-offset ${actual} stores them behind.`;
}

/** What retention or a truncation has removed. */
function gone(base: string, next: string): string {
  return base === next
    ? `What was before offset ${base} is gone, and nothing is behind it yet.`
    : `What was before offset ${base} is gone; the topic holds offsets ${base} to ${BigInt(next) - 1n}.`;
}

/** grpc-js has several codes for a connection that breaks; none of them comes with a reason of aclog's. */
function isBrokenConnection({ codeName, details, reason }: CallError): boolean {
  return reason === undefined && (codeName === "UNAVAILABLE" || /RST_STREAM|ECONNRESET|EPIPE/.test(details));
}
