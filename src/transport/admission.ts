import type { AccessRequest, Action, Authorizer } from "../authz/index.js";
import { PermissionDenied } from "../errors.js";
import { type Principal, defaultTopic } from "../names.js";
import { type ConsumeRequest, type ProduceRequest, UnreadableRequest } from "../wire/requests.js";

/** What the deserialisers of `log.v1.Log` give: a request, or the reason why it could not be read. */
export type Incoming = ProduceRequest | ConsumeRequest | UnreadableRequest;

/** A request that may go on, with whose it is and what it means by its empty names. */
export class Admitted<R extends ProduceRequest | ConsumeRequest = ProduceRequest | ConsumeRequest> {
  readonly request: R;
  readonly access: AccessRequest;
  readonly #authorizer: Authorizer;
  readonly #policyVersion: string;

  constructor(request: R, access: AccessRequest, authorizer: Authorizer) {
    this.request = request;
    this.access = access;
    this.#authorizer = authorizer;
    this.#policyVersion = authorizer.version;
  }

  get target(): { tenant: string; topic: string; topicId: string | undefined } {
    return { tenant: this.access.tenant, topic: this.access.topic, topicId: this.request.topicId };
  }

  /** Whether the caller may create the topic that it names. A refusal is logged like any other. */
  mayCreate(): boolean {
    try {
      this.#authorizer.authorize({ ...this.access, action: "create" });
      return true;
    } catch (error) {
      if (error instanceof PermissionDenied) return false;
      throw error;
    }
  }

  /**
   * Asks again if the policy has changed since: a request can wait in a stream, or for its half-close, as long as its
   * sender likes. @throws PermissionDenied
   */
  judgeAgain(): void {
    if (this.#authorizer.version !== this.#policyVersion) this.#authorizer.authorize(this.access);
  }
}

/**
 * Takes the place of a message that was refused. The adapter around the handlers answers it in its turn; no use case
 * ever sees it.
 */
export class Refusal {
  readonly error: unknown;
  /** That of the request, if it got far enough to be known. */
  readonly requestId: bigint | undefined;

  constructor(error: unknown, requestId: bigint | undefined) {
    this.error = error;
    this.requestId = requestId;
  }
}

/** Decides about one message, and never throws. */
export function admit(
  incoming: Incoming,
  principal: Principal,
  action: Action,
  authorizer: Authorizer,
): Admitted | Refusal {
  if (incoming instanceof UnreadableRequest) return new Refusal(incoming.error, incoming.requestId);
  try {
    const access = {
      principal,
      action,
      tenant: incoming.tenant === "" ? principal.tenant : incoming.tenant,
      topic: incoming.topic === "" ? defaultTopic : incoming.topic,
    };
    authorizer.authorize(access);
    return new Admitted(incoming, access, authorizer);
  } catch (error) {
    return new Refusal(error, incoming.kind === "produce" ? incoming.requestId : undefined);
  }
}
