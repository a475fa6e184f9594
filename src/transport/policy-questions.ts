import type { PolicyActivation } from "../activation/index.js";
import {
  type Action,
  actions,
  isAction,
  type LoadedPolicy,
  loadPolicy,
  PolicyFiles,
  type Refusal,
  type Refusals,
} from "../authz/index.js";
import { InvalidField } from "../errors.js";
import { DecisionUnknown, PolicyRefused } from "../policy-errors.js";
import { systemTenant } from "../names.js";
import {
  diffPolicies,
  type OwnedTopic,
  reviewPermissions,
  type ReviewScope,
  testMatrix,
  why,
} from "../review/index.js";
import type { WhyResponse } from "../wire/generated/policy/v1/WhyResponse.js";
import type { DiffRequest, TestRequest, WhatRequest, WhoRequest, WhyRequest } from "../wire/policy-requests.js";
import type { Admitted } from "./admission.js";
import { type Insight, explanationOf, refusalOf } from "./policy-answers.js";
import type { Upload } from "./policy-upload.js";

/** What is known about policies and topics. */
export interface PolicySources {
  readonly activation: PolicyActivation;
  readonly refusals: Refusals;
  /** Every topic that there is, or those of one tenant. */
  readonly topics: (tenant: string | undefined) => Iterable<OwnedTopic>;
}

/** More permissions than these are not listed in one answer; it says so then. */
const maxPermissions = 100_000;

/** Answers what is asked about policies. Whoever gets here may ask; how much he is told is decided by what let him in. */
export class PolicyQuestions {
  readonly #sources: PolicySources;

  constructor(sources: PolicySources) {
    this.#sources = sources;
  }

  /** @throws DecisionUnknown, InvalidField */
  async why({ request, access }: Admitted<WhyRequest>, signal: AbortSignal): Promise<WhyResponse> {
    const insight: Insight =
      access.action === "describe" ? "itself" : access.tenant === systemTenant ? "everything" : "the tenant's part";
    const refusal = request.decision === undefined ? undefined : this.#find(request.decision);
    const { principal, action, tenant, topic } = request.question ?? refusal!;
    const question = { principal, action: actionIn(action), tenant, topic };
    const policy = await this.#whichRefused(refusal, insight);
    const explained = await why(policy, question, { withinTenant: insight !== "everything", signal });
    const explanation = explanationOf(explained, insight);
    return refusal === undefined ? { explanation } : { refusal: refusalOf(refusal, insight), explanation };
  }

  async who({ request }: Admitted<WhoRequest>, signal: AbortSignal): Promise<object> {
    const { action, tenant, topic } = request.question;
    return this.#permissions({ ...(action !== "*" && { action: actionIn(action) }), tenant, topic }, signal);
  }

  async what({ request }: Admitted<WhatRequest>, signal: AbortSignal): Promise<object> {
    const { principal, tenant } = request;
    return this.#permissions({ ...(principal !== "" && { principal }), ...(tenant !== "" && { tenant }) }, signal);
  }

  /** @throws PolicyRefused for files with mistakes; PolicyVersionUnknown */
  async test({ first, files }: Upload<TestRequest>, signal: AbortSignal): Promise<object> {
    const { version, tenant } = first.request;
    if (files !== undefined && version !== "") throw new InvalidField("version", "goes without parts of files");
    const policy = await this.#policyOf(files, version, tenant);
    return testMatrix(policy, policy.matrix, { ...(tenant !== "" && { tenant }), signal });
  }

  /** @throws as `test` */
  async diff({ first, files }: Upload<DiffRequest>, signal: AbortSignal): Promise<object> {
    const { oldVersion, newVersion, tenant } = first.request;
    if (files !== undefined && newVersion !== "") throw new InvalidField("new_version", "goes without parts of files");
    const older = await this.#policyOf(undefined, oldVersion, tenant);
    const newer = await this.#policyOf(files, newVersion, tenant);
    const topics = this.#sources.topics(tenant || undefined);
    return diffPolicies(older, newer, { ...(tenant !== "" && { tenant }), topics, signal });
  }

  #find(id: string): Refusal {
    const refusal = this.#sources.refusals.find(id);
    if (refusal === undefined) throw new DecisionUnknown(id);
    return refusal;
  }

  async #permissions(scope: ReviewScope, signal: AbortSignal): Promise<object> {
    const { tenant } = scope;
    const policy = await this.#inForce(tenant);
    if (tenant !== undefined && tenant !== systemTenant && !policy.compiled.isDeclaredTenant(tenant)) {
      throw new InvalidField("tenant", "not declared");
    }
    return reviewPermissions(policy, scope, { existing: this.#sources.topics(tenant), maxPermissions, signal });
  }

  /** Of a version that cannot be had any more nothing can be said: then the one in force is asked. */
  async #whichRefused(refusal: Refusal | undefined, insight: Insight): Promise<LoadedPolicy> {
    const { activation } = this.#sources;
    const isKept = activation.history().some(({ version }) => version === refusal?.policyVersion);
    if (refusal !== undefined && isKept) return activation.load(refusal.policyVersion);
    return this.#inForce(insight === "everything" ? undefined : "one");
  }

  /** @param tenant if only that one is spoken of, nothing tells where the server keeps its files */
  #inForce(tenant: string | undefined): Promise<LoadedPolicy> {
    const { activation } = this.#sources;
    return tenant === undefined ? activation.active() : activation.load(activation.status().active.version);
  }

  async #policyOf(files: Upload<DiffRequest>["files"], version: string, tenant: string): Promise<LoadedPolicy> {
    if (files !== undefined) return uploaded(files);
    return version === "" ? this.#inForce(tenant || undefined) : this.#sources.activation.load(version);
  }
}

/** What another policy would change can be asked of one whose matrix does not hold, too. */
async function uploaded(files: NonNullable<Upload<DiffRequest>["files"]>): Promise<LoadedPolicy> {
  const { policy, report } = await loadPolicy(await PolicyFiles.of("", files), () => Promise.resolve());
  if (policy === undefined) throw new PolicyRefused(report.version, report.findings);
  return policy;
}

/** @throws InvalidField */
function actionIn(word: string): Action {
  if (isAction(word)) return word;
  throw new InvalidField("action", `not one of ${actions.join(", ")}`);
}
