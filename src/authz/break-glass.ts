import { type Principal, formatPrincipal, systemTenant } from "../names.js";
import type { AccessRequest, Authorizer } from "./authorizer.js";
import { policyTopic } from "./server-topics.js";

/** What the transport asks of a policy. */
export type Judge = Pick<Authorizer, "version" | "authorize" | "permits" | "permitsSome"> & {
  /** How many streams of the caller's tenant may be open when it opens one of this method. */
  streamsOf(principal: Principal, method: string): number;
};

/** Who is let in although the policy is against it, and where to. */
export interface BreakGlassOptions {
  /** Undefined: nobody. */
  readonly principal: Principal | undefined;
  /** The methods, by their paths. */
  readonly methods: ReadonlySet<string>;
  /** Told before the caller is let in. */
  readonly onUse: (request: AccessRequest) => void;
}

/**
 * The policy in force, but for one principal who can always get at the policy itself, so that no mistake in it can lock
 * everybody out. Only where the policy would refuse: what it allows anyway breaks no glass.
 */
export class BreakGlass implements Judge {
  readonly #policy: Authorizer;
  readonly #options: BreakGlassOptions;

  constructor(policy: Authorizer, options: BreakGlassOptions) {
    this.#policy = policy;
    this.#options = options;
  }

  /** The policy as it is: there is no such principal. */
  static forNobody(policy: Authorizer): BreakGlass {
    return new BreakGlass(policy, { principal: undefined, methods: new Set(), onUse: () => undefined });
  }

  get version(): string {
    return this.#policy.version;
  }

  authorize(request: AccessRequest): void {
    if (this.#opens(request) && !this.#policy.permits(request)) this.#options.onUse(request);
    else this.#policy.authorize(request);
  }

  permits(request: AccessRequest): boolean {
    return this.#opens(request) || this.#policy.permits(request);
  }

  permitsSome(request: Omit<AccessRequest, "topic">): boolean {
    return this.#policy.permitsSome(request);
  }

  streamsOf(principal: Principal, method: string): number {
    // The limit is a line of the policy too.
    const isOurs = this.isHolder(principal) && this.#options.methods.has(method);
    return isOurs ? Infinity : this.#policy.limitsOf(principal.tenant).streams;
  }

  isHolder(principal: Principal): boolean {
    const holder = this.#options.principal;
    return holder !== undefined && formatPrincipal(holder) === formatPrincipal(principal);
  }

  #opens({ principal, action, tenant, topic, method }: AccessRequest): boolean {
    const isAboutPolicy = action === "admin" && tenant === systemTenant && topic === policyTopic;
    return isAboutPolicy && method !== undefined && this.#options.methods.has(method) && this.isHolder(principal);
  }
}
