import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FileStore } from "../../src/log/file-store.js";
import type { FileStoreOptions } from "../../src/log/file-store-options.js";
import type { RecoveryReport } from "../../src/log/recovery.js";
import { type Found, Ledger } from "./ledger.js";
import { type ShimState, compileShim, readState, words } from "./shim.js";

/** Everything so small that a life of a quarter of a second crosses every boundary many times. */
const options: FileStoreOptions = {
  journalFileBytes: 64 * 1024,
  journalFiles: 2,
  segmentBytes: 6 * 1024,
  compactedSegmentBytes: 6 * 1024,
  openFiles: 3,
  pendingBytes: 32 * 1024,
  reclaimBytes: 256,
  compactionKeyBytes: 64 * 1024,
};

/** What is done in a case. */
export interface FaultCase {
  /** As the shim reads it, without its number: kinds, part, action, once or on. */
  readonly rule: RuleText;
  /** Which of the calls, from 1 on; 0 only counts. */
  readonly at: number;
  /** `whole` begins with an empty directory; `recovery` with one that a kill left behind. */
  readonly life: "whole" | "recovery";
}

export interface RuleText {
  readonly kinds: string;
  readonly part: string;
  readonly action: string;
  readonly lasting: "once" | "on";
}

/** How it is written, and given again to run one case. */
export function textOf({ rule, at, life }: FaultCase): string {
  return `${rule.kinds} ${rule.part} ${at} ${rule.action} ${rule.lasting}${life === "whole" ? "" : " recovery"}`;
}

/** @throws for anything else */
export function parseCase(text: string): FaultCase {
  const match = /^(\S+) (\S+) (\d+) (\S+) (once|on)( recovery)?$/.exec(text);
  if (match === null) throw new Error(`not KINDS PART AT ACTION once|on [recovery]: ${text}`);
  const [, kinds, part, at, action, lasting, recovery] = match as unknown as [string, ...string[]];
  const rule = { kinds: kinds!, part: part!, action: action!, lasting: lasting as "once" | "on" };
  return { rule, at: Number(at), life: recovery === undefined ? "whole" : "recovery" };
}

export interface Outcome extends Found {
  readonly text: string;
  /** What should not have happened; empty when all is well. */
  readonly findings: readonly string[];
  readonly state: ShimState;
  /** What refusals said, each once. */
  readonly reasons: readonly string[];
  /** From the end of the fault until everything was taken again. */
  readonly resumedMs: number;
  /** What the start took that followed. */
  readonly recoveryMs: number;
  /** True if the journal failed, so that nothing more was acknowledged. */
  readonly ended: boolean;
}

interface ChildResult {
  readonly findings: string[];
  readonly reasons: string[];
  readonly resumedMs: number;
  readonly ended: boolean;
  /** True if the fault was met neither by the start nor by the end. */
  readonly metServing: boolean;
  /** As the shim counts them, without what a second start in the same process does. */
  readonly retried: number;
}

/** Runs cases in processes with the shim, and looks at what they leave behind without it. */
export class Campaign implements AsyncDisposable {
  readonly #directory: string;
  readonly #library: string;
  readonly #idle: Worker[] = [];
  #cases = 0;
  #crashed: Promise<{ directory: string; ledger: string }> | undefined;

  private constructor(directory: string, library: string) {
    this.#directory = directory;
    this.#library = library;
  }

  static async open(): Promise<Campaign> {
    const directory = await mkdtemp(join(tmpdir(), "aclog-faults-"));
    return new Campaign(directory, await compileShim(directory));
  }

  /** One case after another may be run, and two at a time. */
  async run(one: FaultCase): Promise<Outcome> {
    const number = this.#cases++;
    const worker = this.#idle.pop() ?? new Worker(this.#directory, this.#library, number);
    const directory = join(worker.root, `case-${number}`);
    const ledgerPath = `${worker.root}-${number}.ledger`;
    await mkdir(worker.root, { recursive: true });
    if (one.life === "recovery") {
      const crashed = await (this.#crashed ??= this.#crash());
      await cp(crashed.directory, directory, { recursive: true });
      await cp(crashed.ledger, ledgerPath);
    }
    // A kill for every other case: a store that is closed in good order may put right what went wrong before.
    const closes = one.at % 2 === 0;
    const order = { directory, ledger: ledgerPath, rule: ruleOf(one), life: one.life, closes };
    const result = await worker.run(order);
    const state = await worker.state();
    if (closes && worker.isAlive && result?.findings.length === 0) this.#idle.push(worker);
    else await worker.end();
    const outcome = await judge(one, state, result, directory, ledgerPath);
    if (outcome.findings.length === 0) {
      await rm(directory, { recursive: true });
      await rm(ledgerPath);
    }
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.map((worker) => worker.end()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** A directory as a kill leaves it: between two checkpoints, in the midst of a group. */
  async #crash(): Promise<{ directory: string; ledger: string }> {
    const worker = new Worker(this.#directory, this.#library, -1);
    const [directory, ledger] = [join(worker.root, "case"), `${worker.root}.ledger`];
    const rule = "write journal 60 kill-half once";
    await worker.run({ directory, ledger, rule, life: "whole", closes: false });
    await worker.end();
    return { directory, ledger };
  }
}

function ruleOf({ rule: { kinds, part, action, lasting }, at }: FaultCase): string {
  return `${kinds} ${part} ${at} ${action} ${lasting}`;
}

async function judge(
  one: FaultCase,
  state: ShimState,
  result: ChildResult | undefined,
  directory: string,
  ledgerPath: string,
): Promise<Outcome> {
  const findings = [...(result?.findings ?? [])];
  const retried = result?.retried ?? state.retried;
  if (retried > 0) findings.push(`after a failure, ${retried} calls tried again on the same file`);
  if (result !== undefined) findings.push(...reachOf(one, state, result));
  const isKill = one.rule.action.startsWith("kill");
  if (result === undefined && !isKill) findings.push("the process died of it");
  let found: Found = { acked: 0, found: 0, lost: 0, altered: 0, duplicated: 0 };
  const ledger = await Ledger.read(ledgerPath);
  const started = performance.now();
  let recoveryMs = 0;
  try {
    let report: RecoveryReport | undefined;
    const quiet = (): void => undefined;
    const events = {
      onRecovered: (recovered: RecoveryReport) => (report = recovered),
      onFailure: (error: unknown) => findings.push(`what was left behind fails: ${String(error)}`),
      onTopicFailure: (failed: unknown) =>
        findings.push(`a topic that was left behind fails: ${JSON.stringify(failed)}`),
      onClockJump: quiet,
      onMaintenanceProblem: quiet,
    };
    const store = await FileStore.open(directory, options, events);
    recoveryMs = performance.now() - started;
    for (const { location } of report!.damaged) findings.push(`damage behind it: ${location}`);
    found = await ledger.check(store);
    await store[Symbol.asyncDispose]();
  } catch (error) {
    findings.push(`what was left behind cannot be opened: ${String(error)}`);
  }
  findings.push(...ledger.findings);
  const { reasons = [], resumedMs = 0, ended = false } = result ?? {};
  return { text: textOf(one), ...found, findings, state, reasons, resumedMs, recoveryMs, ended };
}

/** What is wrong with how far the fault reached. */
function reachOf({ rule }: FaultCase, { hit }: ShimState, { ended, metServing }: ChildResult): string[] {
  if (!metServing) return [];
  const isOfJournal = /^(write|sync) of journal .*\.wal$/.test(hit);
  if (isOfJournal && rule.action !== "short" && !ended) return ["the journal failed, and acknowledgement went on"];
  const isOfTopic = / of (segment|index|manifest) |of directory \S+\/tenants/.test(hit);
  if (isOfTopic && rule.lasting === "once" && ended)
    return ["a fault in the files of one topic ended all acknowledgement"];
  return [];
}

interface Order {
  readonly directory: string;
  readonly ledger: string;
  readonly rule: string;
  readonly life: string;
  readonly closes: boolean;
}

const childProgram = fileURLToPath(new URL("child.mjs", import.meta.url));
const built = resolve(process.env["ACLOG_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)));
/** Longer than anything a child waits for by itself. */
const silenceMs = 60_000;

/** A process with the shim, which runs one case after the other. */
class Worker {
  readonly root: string;
  readonly #statePath: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #said = "";

  constructor(directory: string, library: string, number: number) {
    this.root = join(directory, `worker-${number}`);
    this.#statePath = `${this.root}.state`;
    const env = {
      ...process.env,
      ACLOG_DIST: built,
      LD_PRELOAD: library,
      FAULTS_ROOT: this.root,
      FAULTS_STATE: this.#statePath,
      FAULTS_RULE: "any any 0 EIO once",
      FAULTS_OPTIONS: JSON.stringify(options),
      FAULTS_LAYOUT: JSON.stringify({ words }),
    };
    this.#child = fork(childProgram, { env, execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    }
    this.#exited = once(this.#child, "exit");
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  state(): Promise<ShimState> {
    return readState(this.#statePath);
  }

  /** Resolves with what the child says of the case; undefined if it is killed. */
  async run(order: Order): Promise<ChildResult | undefined> {
    const result = new Promise<ChildResult>((resolve) => {
      this.#child.on("message", (message: { kind?: string }) => {
        if (message.kind !== "ready") resolve(message as ChildResult);
      });
    });
    this.#child.send(order);
    const timer = setTimeout(() => this.#child.kill("SIGABRT"), silenceMs);
    const ended = await Promise.race([result, this.#exited.then(() => undefined)]);
    clearTimeout(timer);
    this.#child.removeAllListeners("message");
    if (ended === undefined && this.#child.signalCode !== "SIGKILL") {
      const findings = [`the process ended with ${this.#child.exitCode ?? this.#child.signalCode!}: ${this.#said}`];
      return { findings, reasons: [], resumedMs: 0, retried: 0, ended: false, metServing: false };
    }
    if (ended !== undefined && this.#said !== "") ended.findings.push(`the process said ${this.#said}`);
    this.#said = "";
    return ended;
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
