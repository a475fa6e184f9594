/** `client.policy`: the policy by which the server decides. Most of it is for its administrators. */
import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream, requestCallback } from "@grpc/grpc-js";
import type { ActivateRequest } from "../wire/generated/policy/v1/ActivateRequest.js";
import type { ActivateResponseOutput } from "../wire/generated/policy/v1/ActivateResponse.js";
import type { FilesResponseOutput } from "../wire/generated/policy/v1/FilesResponse.js";
import type { HistoryResponseOutput } from "../wire/generated/policy/v1/HistoryResponse.js";
import type { ReportOutput } from "../wire/generated/policy/v1/Report.js";
import type { RollbackResponseOutput } from "../wire/generated/policy/v1/RollbackResponse.js";
import type { StatusResponseOutput } from "../wire/generated/policy/v1/StatusResponse.js";
import type { ValidateRequest } from "../wire/generated/policy/v1/ValidateRequest.js";
import type { ValidateResponseOutput } from "../wire/generated/policy/v1/ValidateResponse.js";
import type { WhyResponseOutput } from "../wire/generated/policy/v1/WhyResponse.js";
import type { Call, CallOptions, Calls } from "./calls.js";
import type { Stubs } from "./connection.js";
import { requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";
import {
  type PolicyFilesInput,
  type PolicyStatusInfo,
  type PolicyValidation,
  type PolicyVersionInfo,
  type WhyAnswer,
  partsOf,
  statusFromWire,
  validationFromWire,
  versionFromWire,
  whyFromWire,
} from "./policy-messages.js";
import { uint32 } from "./requests.js";
import { writeAll } from "./sending.js";

export interface FilesOptions extends CallOptions {
  /** Unless given, the one in force. */
  readonly version?: string | undefined;
}

export interface HistoryOptions extends CallOptions {
  /** The most entries, at most 1,000. Default 100. */
  readonly pageSize?: number | undefined;
}

export interface ChangePolicyOptions extends CallOptions {
  /** The version that the change was made from: ABORTED if another is in force by now. */
  readonly basedOn: string;
  /** Replace the server's files also where somebody is editing them. */
  readonly overwrite?: boolean | undefined;
}

/** Of which policy: of these files, of a version that is kept, or of the one in force. */
export interface TestPolicyOptions extends CallOptions {
  readonly files?: PolicyFilesInput | undefined;
  readonly version?: string | undefined;
  /** Only what concerns topics of this tenant. */
  readonly tenant?: string | undefined;
}

/** From a version, the one in force unless given, to these files, to another version, or to the one in force. */
export interface DiffPolicyOptions extends CallOptions {
  readonly oldVersion?: string | undefined;
  readonly files?: PolicyFilesInput | undefined;
  readonly newVersion?: string | undefined;
  /** Only what concerns topics of this tenant. */
  readonly tenant?: string | undefined;
}

/** About a refusal, by the id that came with it, or about anything that somebody might do. */
export type WhyOptions = CallOptions &
  (
    | { readonly decision: string }
    | { readonly principal: string; readonly action: string; readonly tenant: string; readonly topic: string }
  );

export interface WhoOptions extends CallOptions {
  readonly action: string;
  readonly tenant: string;
  readonly topic: string;
}

export interface WhatOptions extends CallOptions {
  /** Everybody whom the policy names, unless given. */
  readonly principal?: string | undefined;
  /** Only what concerns topics of this tenant. */
  readonly tenant?: string | undefined;
}

/** A large policy is read, built and tried within seconds, but behind others. */
const defaultTimeoutMs = 120_000;

/**
 * Every method throws `CallError` on a status other than OK. A report is what `aclog policy COMMAND --json` prints: an object
 * that docs/access-review.md describes.
 */
export class Policy {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Which version is in force, and what is wrong with the server's files if they say something else. */
  async status(options: CallOptions = {}): Promise<PolicyStatusInfo> {
    requireOptions(options, optionNames.call);
    const answer = await this.#calls.unary<StatusResponseOutput>(options, ({ policy }, ...rest) =>
      policy.status({}, ...rest),
    );
    return statusFromWire(answer);
  }

  /** The versions that were in force, the newest first. */
  async history(
    options: HistoryOptions = {},
  ): Promise<{ readonly versions: readonly PolicyVersionInfo[]; readonly truncated: boolean }> {
    requireOptions(options, optionNames.policyHistory);
    const pageSize = uint32("pageSize", options.pageSize ?? 0);
    const { versions, truncated } = await this.#calls.unary<HistoryResponseOutput>(options, ({ policy }, ...rest) =>
      policy.history({ pageSize }, ...rest),
    );
    return { versions: versions.map(versionFromWire), truncated };
  }

  /** The files of a version, to be edited, and which version that is. */
  async files(
    options: FilesOptions = {},
  ): Promise<{ readonly version: string; readonly files: Readonly<Record<string, Buffer>> }> {
    requireOptions(options, optionNames.policyFiles);
    const request = { version: requireText("version", options.version ?? "") };
    const contents = new Map<string, Buffer[]>();
    let version = "";
    await this.#received<FilesResponseOutput>(
      options,
      ({ policy }, call) => policy.files(request, call.grpcOptions),
      (response) => {
        version = response.version;
        if (response.part === null) return;
        const { name, content } = response.part;
        contents.set(name, [...(contents.get(name) ?? []), content]);
      },
    );
    const files = [...contents].map(([name, pieces]) => [name, Buffer.concat(pieces)] as const);
    return { version, files: Object.fromEntries(files) };
  }

  /** What is wrong with these files. Changes nothing. */
  async validate(files: PolicyFilesInput, options: CallOptions = {}): Promise<PolicyValidation> {
    requireOptions(options, optionNames.call);
    const answer = await this.#uploaded<ValidateRequest, ValidateResponseOutput>(
      options,
      ({ policy }, call, done) => policy.validate(call.grpcOptions, done),
      partsOf(files),
    );
    return validationFromWire(answer);
  }

  /** Puts these files in force and in the places of the server's own. */
  async activate(files: PolicyFilesInput, options: ChangePolicyOptions): Promise<PolicyVersionInfo> {
    requireOptions(options, optionNames.changePolicy);
    const first = { basedOn: requireText("basedOn", options.basedOn), overwrite: options.overwrite ?? false };
    const { active } = await this.#uploaded<ActivateRequest, ActivateResponseOutput>(
      options,
      ({ policy }, call, done) => policy.activate(call.grpcOptions, done),
      partsOf(files, first),
    );
    return versionFromWire(active!);
  }

  /** Puts a version in force again that was before. */
  async rollback(version: string, options: ChangePolicyOptions): Promise<PolicyVersionInfo> {
    requireOptions(options, optionNames.changePolicy);
    const { basedOn, overwrite = false } = options;
    const request = { version: requireText("version", version), basedOn: requireText("basedOn", basedOn), overwrite };
    const { active } = await this.#calls.unary<RollbackResponseOutput>(
      { timeoutMs: defaultTimeoutMs, ...options },
      ({ policy }, ...rest) => policy.rollback(request, ...rest),
    );
    return versionFromWire(active!);
  }

  /** What a policy's matrix states, and what comes out. */
  async test(options: TestPolicyOptions = {}): Promise<unknown> {
    requireOptions(options, optionNames.testPolicy);
    const { files, version = "", tenant = "" } = options;
    const first = { version: requireText("version", version), tenant: requireText("tenant", tenant) };
    return this.#reported(options, ({ policy }, call) => policy.test(call.grpcOptions), partsOf(files, first));
  }

  /** Who gains and who loses which right by going from one policy to another. */
  async diff(options: DiffPolicyOptions = {}): Promise<unknown> {
    requireOptions(options, optionNames.diffPolicy);
    const { files, oldVersion = "", newVersion = "", tenant = "" } = options;
    const first = {
      oldVersion: requireText("oldVersion", oldVersion),
      newVersion: requireText("newVersion", newVersion),
      tenant: requireText("tenant", tenant),
    };
    return this.#reported(options, ({ policy }, call) => policy.diff(call.grpcOptions), partsOf(files, first));
  }

  /** Why a request was refused, or what would become of one. */
  async why(options: WhyOptions): Promise<WhyAnswer> {
    requireOptions(options, optionNames.why);
    const request = "decision" in options ? { decision: requireText("decision", options.decision) } : asked(options);
    const answer = await this.#calls.unary<WhyResponseOutput>(
      { timeoutMs: defaultTimeoutMs, ...options },
      ({ policy }, ...rest) => policy.why(request, ...rest),
    );
    return whyFromWire(answer);
  }

  /** Who can do something to a topic. */
  async who(options: WhoOptions): Promise<unknown> {
    requireOptions(options, optionNames.who);
    const request = asked(options);
    return this.#reported(options, ({ policy }, call) => policy.who(request, call.grpcOptions));
  }

  /** What a principal can do, or everybody. */
  async what(options: WhatOptions = {}): Promise<unknown> {
    requireOptions(options, optionNames.what);
    const { principal = "", tenant = "" } = options;
    const request = { principal: requireText("principal", principal), tenant: requireText("tenant", tenant) };
    return this.#reported(options, ({ policy }, call) => policy.what(request, call.grpcOptions));
  }

  /** Many messages, one answer. */
  async #uploaded<Request, Response>(
    options: CallOptions,
    start: (stubs: Stubs, call: Call, done: requestCallback<Response>) => ClientWritableStream<Request>,
    messages: Iterable<Request>,
  ): Promise<Response> {
    using call = this.#calls.begin({ timeoutMs: defaultTimeoutMs, ...options });
    const stubs = await call.dial();
    let stream!: ClientWritableStream<Request>;
    const answer = call.answered<Response>((_, done) => (stream = start(stubs, call, done)));
    const sending = writeAll(messages, stream, call.ended);
    sending.catch(() => undefined);
    await Promise.race([sending, answer]);
    return await answer;
  }

  async #reported<Request>(
    options: CallOptions,
    start: (stubs: Stubs, call: Call) => ClientReadableStream<ReportOutput> | ClientDuplexStream<Request, ReportOutput>,
    messages?: Iterable<Request>,
  ): Promise<unknown> {
    const parts: Buffer[] = [];
    await this.#received(options, start, ({ json }) => void parts.push(json), messages);
    return JSON.parse(Buffer.concat(parts).toString()) as unknown;
  }

  /** Resolves when the last answer has come. */
  async #received<Response>(
    options: CallOptions,
    start: (stubs: Stubs, call: Call) => ClientReadableStream<Response> | ClientDuplexStream<never, Response>,
    take: (response: Response) => void,
    messages?: Iterable<unknown>,
  ): Promise<void> {
    using call = this.#calls.begin({ timeoutMs: defaultTimeoutMs, ...options });
    const stream = call.started(start(await call.dial(), call));
    const ended = new Promise<void>((resolve, reject) => {
      stream.on("data", take);
      stream.once("end", resolve);
      stream.once("error", (error) => reject(call.failure(error)));
    });
    if (messages === undefined || !("write" in stream)) {
      await ended;
      return;
    }
    const sending = writeAll(messages, stream, call.ended);
    sending.catch(() => undefined);
    await Promise.race([sending, ended]);
    await ended;
  }
}

/** What is asked about a topic, as the wire has it. */
function asked(question: object): Record<string, string> {
  const names = Object.entries(question).filter(([name]) => name !== "signal" && name !== "timeoutMs");
  return Object.fromEntries(names.map(([name, text]) => [name, requireText(name, text)]));
}
