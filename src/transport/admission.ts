import type { AccessRequest, Action, Judge } from "../authz/index.js";
import { InvalidField, PermissionDenied } from "../errors.js";
import type { Connection } from "../identity/index.js";
import { type Principal, defaultTopic, isSystemName } from "../names.js";
import { type TopicSelector, UnreadableRequest } from "../wire/request-fields.js";

/** A right by which a message may be let in. */
export type Way = Pick<AccessRequest, "action" | "tenant" | "topic">;

/** Several rights of which any one will do. */
export interface Ways {
  /** The one that opens most first: by the first that the caller has, the message is let in. */
  readonly any: readonly Way[];
  /** Which of them is asked for where the caller has none. */
  readonly told: Way;
}

/** What a method needs of its callers. */
export interface TopicAccess {
  /** What the policy must allow on the topic that a message names. */
  readonly action: Action;
  /**
   * `reads`: goes on delivering on the strength of its message, and is cut off when that is not allowed any more.
   * `writes`: is due an answer that says what was stored, so it is never cut off from outside.
   * `lists`: is let in without a decision; it shows what the caller is allowed, topic by topic.
   */
  readonly kind: "reads" | "writes" | "lists";
  /** For what is not about the topic that a message names: by which rights it is let in instead, and what is told if by none. */
  readonly ways?: (request: TopicRequest, caller: Principal) => Ways;
  /** Its later messages may leave out the names that its first one gave. */
  readonly namesOnce?: true;
  /** Its handler is told in the place of a request when a call has to end, and sees to it: it knows what is due before. */
  readonly endsItself?: true;
}

/** A readable request: one about a topic, or a list. */
export type TopicRequest = TopicSelector & {
  readonly requestId?: bigint | undefined;
  /** What it takes on the wire, where that may be much. */
  readonly bytes?: number;
};

/** What the deserialisers give: a request, or the reason why it could not be read. */
export type Incoming = TopicRequest | UnreadableRequest;

const noop = (): void => undefined;

/** What a handler finds in the place of a message. */
abstract class Arrival {
  /** Called when a handler has taken it out of its stream. */
  onTaken = noop;
}

/** A request that may go on, with whose it is and what it means by its empty names. */
export class Admitted<R extends TopicRequest = TopicRequest> extends Arrival {
  readonly request: R;
  readonly access: AccessRequest;
  readonly #caller: Caller;
  readonly #authorizer: Judge;
  #policyVersion: string;

  constructor(request: R, access: AccessRequest, caller: Caller, authorizer: Judge) {
    super();
    this.request = request;
    this.access = access;
    this.#caller = caller;
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
   * Asks again whether the caller is still who it was, and, if the policy has changed since, whether it may: a request can
   * wait in a stream, or for its half-close, as long as its sender likes, and be answered for ever.
   * @throws IdentityRefused, PermissionDenied
   */
  judgeAgain(): void {
    this.#caller.check();
    const refusal = this.whyNot();
    if (refusal !== undefined) throw refusal;
  }

  /** Why the policy in force does not let it in any more, if it does not. */
  whyNot(): Error | undefined {
    const { version } = this.#authorizer;
    if (version === this.#policyVersion) return undefined;
    try {
      this.#authorizer.authorize(this.access);
      this.#policyVersion = version;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error("the decision failed", { cause: error });
    }
  }
}

/** A request for a list. Nothing was decided about it: what it shows is decided for each topic, by the policy in force. */
export class Listing<R extends TopicRequest = TopicRequest> extends Arrival {
  readonly request: R;
  readonly principal: Principal;
  /** Whose topics. */
  readonly tenant: string;
  readonly #action: Action;
  readonly #authorizer: Judge;

  constructor(request: R, principal: Principal, action: Action, authorizer: Judge) {
    super();
    this.request = request;
    this.principal = principal;
    this.tenant = request.tenant === "" ? principal.tenant : request.tenant;
    this.#action = action;
    this.#authorizer = authorizer;
  }

  /** False: the caller may see no topic of the tenant, whatever there is. */
  get showsSome(): boolean {
    const { principal, tenant } = this;
    return this.#authorizer.permitsSome({ principal, action: this.#action, tenant });
  }

  /** Whether the caller may see the topic. */
  shows(topic: string): boolean {
    const { principal, tenant } = this;
    return this.#authorizer.permits({ principal, action: this.#action, tenant, topic });
  }
}

/**
 * Takes the place of a message that was refused. The adapter around the handlers answers it in its turn; no use case
 * ever sees it.
 */
export class Refusal extends Arrival {
  readonly error: unknown;
  /** That of the request, if it got far enough to be known. */
  readonly requestId: bigint | undefined;

  constructor(error: unknown, requestId: bigint | undefined) {
    super();
    this.error = error;
    this.requestId = requestId;
  }
}

/** Comes behind the last message of a call that is allowed nothing any more of what it was, or whose caller is nobody. */
export class Withdrawal extends Refusal {
  constructor(error: unknown) {
    super(error, undefined);
  }
}

/** Who sent a message, as long as that holds. */
export type Caller = Pick<Connection, "identity" | "check">;

/** What a decision's log line says of the call that a message came with. */
export interface CallNames {
  readonly requestId: string | undefined;
  /** Its path. */
  readonly method: string;
}

/**
 * Decides about one message, and never throws.
 *
 * @param first what an earlier message of the call was about, if its names hold for this one too
 */
export function admit(
  incoming: Incoming,
  caller: Caller,
  { action, kind, ways }: TopicAccess,
  authorizer: Judge,
  { requestId, method }: CallNames,
  first?: AccessRequest,
): Admitted | Listing | Refusal {
  if (incoming instanceof UnreadableRequest) return new Refusal(incoming.error, incoming.requestId);
  const { principal } = caller.identity;
  try {
    caller.check();
    if (kind === "lists") return new Listing(incoming, principal, action, authorizer);
    if (ways !== undefined) {
      const { any, told } = first === undefined ? ways(incoming, principal) : { any: [], told: first };
      const asking = { principal, requestId, method };
      const way = any.find((each) => authorizer.permits({ ...each, ...asking })) ?? told;
      const access = { ...way, ...asking };
      authorizer.authorize(access);
      return new Admitted(incoming, access, caller, authorizer);
    }
    const access = {
      principal,
      action,
      tenant: incoming.tenant === "" ? (first?.tenant ?? principal.tenant) : incoming.tenant,
      topic: incoming.topic === "" ? (first?.topic ?? defaultTopic) : incoming.topic,
      requestId,
      method,
    };
    authorizer.authorize(access);
    // Committing a position stores nothing in the topic that it is about.
    if (kind === "writes" && action !== "consume" && isSystemName(access.topic)) {
      throw new InvalidField("topic", "only the server writes to topics whose names begin with _");
    }
    return new Admitted(incoming, access, caller, authorizer);
  } catch (error) {
    return new Refusal(error, incoming.requestId);
  }
}
