import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../src/log/clock.js";
import { FileStore } from "../../src/log/file-store.js";
import type { FileStoreEvents, FileStoreOptions } from "../../src/log/file-store-options.js";
import type { MaintenanceProblem } from "../../src/log/maintenance.js";
import type { CommitLog, ReadLimits } from "../../src/log/port.js";
import type { FailedTopic, RecoveryReport } from "../../src/log/recovery.js";
import type { ClockJump } from "../../src/log/retention-clock.js";
import { logPackageDefinition } from "../../src/wire/definition.js";
import type { ConsumeRequest } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse, ConsumeResponseOutput } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequest, ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { Record as WireRecord, RecordOutput } from "../../src/wire/generated/log/v1/Record.js";
import type { RecordBatch } from "../../src/wire/records.js";
import { UnreadableRequest, readProduceRequest } from "../../src/wire/requests.js";

/** protobufjs's own reading of the contract: what the engine and the walker are judged by. */
export const produceRequestType = logPackageDefinition["log.v1.ProduceRequest"] as unknown as MessageTypeDefinition<
  ProduceRequest,
  ProduceRequestOutput
>;
export const consumeRequestType = logPackageDefinition["log.v1.ConsumeRequest"] as unknown as MessageTypeDefinition<
  ConsumeRequest,
  never
>;
export const consumeResponseType = logPackageDefinition["log.v1.ConsumeResponse"] as unknown as MessageTypeDefinition<
  ConsumeResponse,
  ConsumeResponseOutput
>;

/** Everything small, so that a handful of records crosses every boundary. */
export const smallOptions: FileStoreOptions = {
  journalFileBytes: 64 * 1024,
  journalFiles: 3,
  segmentBytes: 16 * 1024,
  compactedSegmentBytes: 16 * 1024,
  openFiles: 4,
  pendingBytes: 64 * 1024,
  reclaimBytes: 1024,
  compactionKeyBytes: 64 * 1024,
};

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), "aclog-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface OpenStore extends AsyncDisposable {
  readonly store: FileStore;
  readonly report: RecoveryReport;
  /** What onFailure was called with. */
  readonly failures: readonly unknown[];
  /** What onTopicFailure was called with. */
  readonly failedTopics: readonly FailedTopic[];
  /** What onClockJump was called with. */
  readonly jumps: readonly ClockJump[];
  /** What onMaintenanceProblem was called with. */
  readonly problems: readonly MaintenanceProblem[];
}

export async function openStore(
  path: string,
  options: Partial<FileStoreOptions> = {},
  clock: Clock = systemClock,
): Promise<OpenStore> {
  let report: RecoveryReport | undefined;
  const failures: unknown[] = [];
  const failedTopics: FailedTopic[] = [];
  const jumps: ClockJump[] = [];
  const problems: MaintenanceProblem[] = [];
  const events: FileStoreEvents = {
    onRecovered: (recovered) => (report = recovered),
    onFailure: (error) => failures.push(error),
    onTopicFailure: (failed) => failedTopics.push(failed),
    onClockJump: (jump) => jumps.push(jump),
    onMaintenanceProblem: (problem) => problems.push(problem),
  };
  const store = await FileStore.open(path, { ...smallOptions, ...options }, events, clock);
  const close = (): Promise<void> => store[Symbol.asyncDispose]();
  return { store, report: report!, failures, failedTopics, jumps, problems, [Symbol.asyncDispose]: close };
}

/** A batch as the server gets it: encoded by protobufjs, read by the walker. */
export function batchOf(records: readonly WireRecord[]): RecordBatch {
  const request = readProduceRequest(produceRequestType.serialize({ records: [...records] }));
  if (request instanceof UnreadableRequest) throw request.error;
  return request.records;
}

export function valuesBatch(...values: readonly (string | Buffer)[]): RecordBatch {
  return batchOf(values.map((value) => ({ value: Buffer.from(value) })));
}

/** Appends, and resolves with the first offset once the batch is durable. */
export async function append(log: CommitLog, ...values: readonly (string | Buffer)[]): Promise<bigint> {
  return appendAll(log, values);
}

/** The same with an array, of which there may be more than a call takes arguments. */
export async function appendAll(log: CommitLog, values: readonly (string | Buffer)[]): Promise<bigint> {
  const { durable } = await log.append(batchOf(values.map((value) => ({ value: Buffer.from(value) }))), {});
  return (await durable).offset;
}

export const everything: ReadLimits = { maxRecords: 0xffff_ffff, maxBytes: 1024 * 1024 };

/** One read, decoded by protobufjs. */
export async function readOnce(log: CommitLog, offset: bigint, limits = everything): Promise<RecordOutput[]> {
  const frames = await log.read(offset, limits);
  const { records } = consumeResponseType.deserialize(Buffer.concat(frames.parts));
  if (frames.offset !== offset || frames.count !== records.length) {
    throw new Error(`read says ${frames.count} records from ${frames.offset}, and gives ${records.length}`);
  }
  return records;
}

/** All records from `from` on, checked to be dense and never to go back in time. */
export async function readAll(log: CommitLog, from = log.range().base, limits = everything): Promise<RecordOutput[]> {
  const all: RecordOutput[] = [];
  const { next } = log.range();
  let timestamp = 0n;
  for (let offset = from; offset < next;) {
    for (const record of await readOnce(log, offset, limits)) {
      if (record.offset !== offset) throw new Error(`offset ${record.offset} where ${offset} belongs`);
      if (record.timestampMs < timestamp) throw new Error(`offset ${offset} is earlier than the one before it`);
      timestamp = record.timestampMs;
      all.push(record);
      offset++;
    }
  }
  return all;
}

export async function readValues(log: CommitLog, from?: bigint): Promise<string[]> {
  return (await readAll(log, from)).map(({ value }) => value.toString());
}

/** Every file below `directory`, as paths relative to it. */
export async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** Names and contents of all files but the lock. */
export async function fingerprint(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of await filesIn(directory)) {
    if (name !== "lock") hash.update(`${name}\0`).update(await readFile(join(directory, name)));
  }
  return hash.digest("hex");
}

export async function pathsEndingWith(directory: string, suffix: string): Promise<string[]> {
  return (await filesIn(directory)).filter((name) => name.endsWith(suffix)).map((name) => join(directory, name));
}

/** What this process has open below `directory`. */
export async function openFilesBelow(directory: string): Promise<string[]> {
  const links = await readdir("/proc/self/fd");
  const targets = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(`${directory}/`)).sort();
}

/** What the child program says of itself. */
export interface ChildMessage {
  readonly kind: "open" | "refused" | "acked" | "failed" | "read" | "done" | "begin" | "note";
  readonly [key: string]: unknown;
}

const childProgram = fileURLToPath(new URL("log-child.mjs", import.meta.url));
const built = resolve(process.env["ACLOG_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)));

/** Another process with the built engine: `mode` is one that log-child.mjs knows. */
export function startChild(mode: string, directory: string, options: Partial<FileStoreOptions> = {}): ChildProcess {
  const args = [mode, directory, JSON.stringify({ ...smallOptions, ...options })];
  const child = fork(childProgram, args, { env: { ...process.env, ACLOG_DIST: built }, execArgv: [] });
  onTestFinished(() => killed(child));
  return child;
}

/** Resolves with the first message that `matches`. @throws when the child ends first */
export function messageFrom(child: ChildProcess, matches: (message: ChildMessage) => boolean): Promise<ChildMessage> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      child.off("message", onMessage);
      child.off("exit", onExit);
    };
    const onMessage = (message: unknown): void => {
      if (!matches(message as ChildMessage)) return;
      done();
      resolve(message as ChildMessage);
    };
    const onExit = (code: number | null): void => {
      done();
      reject(new Error(`the child ended with ${code ?? "a signal"}`));
    };
    child.on("message", onMessage);
    child.on("exit", onExit);
  });
}

export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

export async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await exited(child);
}
