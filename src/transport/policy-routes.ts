import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { InvalidField } from "../errors.js";
import { formatPrincipal } from "../names.js";
import { policyServiceDefinition } from "../wire/definition.js";
import type { ActivateResponse } from "../wire/generated/policy/v1/ActivateResponse.js";
import type { FilesResponse } from "../wire/generated/policy/v1/FilesResponse.js";
import type { HistoryResponse } from "../wire/generated/policy/v1/HistoryResponse.js";
import type { Report } from "../wire/generated/policy/v1/Report.js";
import type { RollbackResponse } from "../wire/generated/policy/v1/RollbackResponse.js";
import type { StatusResponse } from "../wire/generated/policy/v1/StatusResponse.js";
import type { ValidateResponse } from "../wire/generated/policy/v1/ValidateResponse.js";
import type { WhyResponse } from "../wire/generated/policy/v1/WhyResponse.js";
import {
  type ActivateRequest,
  type DiffRequest,
  type FilesRequest,
  type HistoryRequest,
  type RollbackRequest,
  type TestRequest,
  type UploadRequest,
  type WhatRequest,
  type WhoRequest,
  type WhyRequest,
  readActivateRequest,
  readDiffRequest,
  readFilesRequest,
  readHistoryRequest,
  readRollbackRequest,
  readStatusRequest,
  readTestRequest,
  readValidateRequest,
  readWhatRequest,
  readWhoRequest,
  readWhyRequest,
} from "../wire/policy-requests.js";
import type { Admitted, Refusal, TopicRequest } from "./admission.js";
import { type ReportInternal, WriteWindow, clientStream, duplexStream, serverStream, unary } from "./handlers.js";
import { jsonParts } from "./json-parts.js";
import { filesOf, historyOf, statusOf, validationOf, versionOf } from "./policy-answers.js";
import { PolicyQuestions, type PolicySources } from "./policy-questions.js";
import { type Upload, readUpload } from "./policy-upload.js";
import { Turns } from "./turns.js";

/** `policy.v1.Policy`, with our own walkers in. */
export const policyRoutesDefinition: ServiceDefinition = {
  Status: { ...policyServiceDefinition.Status, requestDeserialize: readStatusRequest },
  Files: { ...policyServiceDefinition.Files, requestDeserialize: readFilesRequest },
  History: { ...policyServiceDefinition.History, requestDeserialize: readHistoryRequest },
  Validate: { ...policyServiceDefinition.Validate, requestDeserialize: readValidateRequest },
  Activate: { ...policyServiceDefinition.Activate, requestDeserialize: readActivateRequest },
  Rollback: { ...policyServiceDefinition.Rollback, requestDeserialize: readRollbackRequest },
  Test: { ...policyServiceDefinition.Test, requestDeserialize: readTestRequest },
  Diff: { ...policyServiceDefinition.Diff, requestDeserialize: readDiffRequest },
  Why: { ...policyServiceDefinition.Why, requestDeserialize: readWhyRequest },
  Who: { ...policyServiceDefinition.Who, requestDeserialize: readWhoRequest },
  What: { ...policyServiceDefinition.What, requestDeserialize: readWhatRequest },
};

/** Questions that are worked on at a time, each of another tenant's: 100,000 lines take a second and 50 MiB. */
const maxQuestions = 4;

/** For how long an upload may not go on; longer than a part takes over a slow line. */
const maxIdleMs = 30_000;

/** What a part of a report may have unwritten, in bytes. */
const maxUnwrittenBytes = 1024 * 1024;

/** The handlers of `policy.v1.Policy`. Uploads end when `shutdown` aborts. */
export function policyRoutes(
  sources: PolicySources,
  report: ReportInternal,
  shutdown: AbortSignal,
): UntypedServiceImplementation {
  const { activation } = sources;
  const questions = new PolicyQuestions(sources);
  const asked = new Turns(maxQuestions);
  // Of each principal's, and of none but those: nobody who asks can keep another from mending the policy. Nor does an
  // upload that its sender has left keep him himself from it: what changes takes its turn when it is there as a whole.
  const looking = new Turns(Infinity);
  const uploading = new Turns(Infinity);
  const changing = new Turns(Infinity);
  const inTurn = <T>({ access }: Admitted, work: () => Promise<T>): Promise<T> =>
    asked.take(access.principal.tenant, work);
  const ofOwn =
    (turns: Turns) =>
    <T>({ access }: Admitted, work: () => Promise<T>): Promise<T> =>
      turns.take(formatPrincipal(access.principal), work);
  const [toLook, toUpload, toChange] = [ofOwn(looking), ofOwn(uploading), ofOwn(changing)];

  /** Several messages in, one report out. */
  const reviewed = <R extends UploadRequest>(
    answer: (upload: Upload<R>, signal: AbortSignal) => Promise<object>,
  ): ReturnType<typeof duplexStream> =>
    duplexStream<Admitted<R>, Report>(
      report,
      shutdown,
      (requests, call, signal) =>
        onFirst(requests, toLook, async (all) => {
          const upload = await readUpload(all);
          upload.first.judgeAgain();
          const answered = await inTurn(upload.first, () => answer(upload, signal));
          await sendReport(call, answered, signal);
        }),
      maxIdleMs,
    );

  return {
    Status: unary(report, (): Promise<StatusResponse> => Promise.resolve(statusOf(activation.status()))),
    History: unary(report, ({ request }: Admitted<HistoryRequest>): Promise<HistoryResponse> => {
      return Promise.resolve(historyOf(activation.history(), request.pageSize));
    }),
    Files: serverStream(
      report,
      ({ part }: FilesResponse) => part!.content!.length,
      async function* (admitted: Admitted<FilesRequest>) {
        const { version } = admitted.request;
        const inForce = activation.status().active.version;
        yield* filesOf(await toLook(admitted, () => activation.load(version === "" ? inForce : version)));
      },
    ),
    Validate: clientStream<Admitted<UploadRequest>, ValidateResponse>(
      report,
      shutdown,
      (requests) =>
        onFirst(requests, toLook, async (all) => {
          const { first, files } = await readUpload(all);
          first.judgeAgain();
          return validationOf(await activation.validate(files ?? {}));
        }),
      maxIdleMs,
    ),
    Activate: clientStream<Admitted<ActivateRequest>, ActivateResponse>(
      report,
      shutdown,
      async (requests) => {
        const { first, files } = await onFirst<ActivateRequest, Upload<ActivateRequest>>(
          requests,
          toUpload,
          readUpload,
        );
        return toChange(first, async () => {
          // Whoever has lost the right meanwhile is not told either which version is in force.
          first.judgeAgain();
          if (first.request.basedOn === "") throw new InvalidField("based_on", "a version is needed");
          return { active: versionOf(await activation.activate(files ?? {}, changeOf(first))) };
        });
      },
      maxIdleMs,
    ),
    Rollback: unary(report, (admitted: Admitted<RollbackRequest>): Promise<RollbackResponse> =>
      toChange(admitted, async () => {
        admitted.judgeAgain();
        const { version } = admitted.request;
        return { active: versionOf(await activation.rollback(version, changeOf(admitted))) };
      }),
    ),
    Test: reviewed((upload: Upload<TestRequest>, signal) => questions.test(upload, signal)),
    Diff: reviewed((upload: Upload<DiffRequest>, signal) => questions.diff(upload, signal)),
    Why: unary(report, (admitted: Admitted<WhyRequest>, caller): Promise<WhyResponse> =>
      inTurn(admitted, () => questions.why(admitted, caller.signal)),
    ),
    Who: serverStream(report, sizeOf, async function* (admitted: Admitted<WhoRequest>, signal) {
      yield* partsOf(await inTurn(admitted, () => questions.who(admitted, signal)));
    }),
    What: serverStream(report, sizeOf, async function* (admitted: Admitted<WhatRequest>, signal) {
      yield* partsOf(await inTurn(admitted, () => questions.what(admitted, signal)));
    }),
  };
}

/** Whose change it is, and from what it was made. */
function changeOf(admitted: Admitted<ActivateRequest | RollbackRequest>) {
  const { request, access } = admitted;
  const { basedOn, overwrite } = request;
  // Only now: the request may have waited for its end, or for other changes.
  const judgeAgain = (): void => admitted.judgeAgain();
  return { basedOn, overwrite, author: formatPrincipal(access.principal), judgeAgain };
}

/** Begins its work with the first message, whose sender is known to be allowed. The messages are all handed on. */
async function onFirst<R extends TopicRequest, T>(
  requests: AsyncIterable<Admitted<R> | Refusal>,
  inTurn: (admitted: Admitted<R>, work: () => Promise<T>) => Promise<T>,
  work: (all: AsyncIterable<Admitted<R> | Refusal>) => Promise<T>,
): Promise<T> {
  const iterator = requests[Symbol.asyncIterator]();
  const { done, value: first } = (await iterator.next()) as IteratorResult<Admitted<R> | Refusal, undefined>;
  if (done === true) throw new InvalidField("request", "at least one message is needed");
  if (!("access" in first)) throw first.error;
  async function* all(): AsyncGenerator<Admitted<R> | Refusal, void, undefined> {
    yield first!;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return inTurn(first, () => work(all()));
}

async function* partsOf(answer: object): AsyncGenerator<{ readonly json: Buffer }, void, undefined> {
  for await (const json of jsonParts(answer)) yield { json };
}

const sizeOf = ({ json }: { readonly json: Buffer }): number => json.length;

async function sendReport(
  call: ServerDuplexStream<unknown, Report>,
  answer: object,
  signal: AbortSignal,
): Promise<void> {
  const window = new WriteWindow<Report>(call, maxUnwrittenBytes, signal);
  for await (const part of partsOf(answer)) await window.write(part, sizeOf(part));
}
