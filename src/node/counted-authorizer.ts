import type { AccessRequest, Authorizer } from "../authz/index.js";
import type { TenantLimits } from "../tenant-limits.js";

/** Decides as another authorizer does, and tells how often the answer was yes; that one tells of every no itself. */
export class CountedAuthorizer implements Authorizer {
  readonly #decider: Authorizer;
  readonly #onAllowed: (action: string) => void;

  constructor(decider: Authorizer, onAllowed: (action: string) => void) {
    this.#decider = decider;
    this.#onAllowed = onAllowed;
  }

  get version(): string {
    return this.#decider.version;
  }

  get tenants(): readonly string[] {
    return this.#decider.tenants;
  }

  isDeclaredTenant(name: string): boolean {
    return this.#decider.isDeclaredTenant(name);
  }

  authorize(request: AccessRequest): void {
    this.#decider.authorize(request);
    this.#onAllowed(request.action);
  }

  permits(request: AccessRequest): boolean {
    return this.#decider.permits(request);
  }

  permitsSome(request: Omit<AccessRequest, "topic">): boolean {
    return this.#decider.permitsSome(request);
  }

  limitsOf(tenant: string): TenantLimits {
    return this.#decider.limitsOf(tenant);
  }

  onChange(listener: () => void): () => void {
    return this.#decider.onChange(listener);
  }

  reload(): Promise<{ changed: boolean; version: string }> {
    return this.#decider.reload();
  }
}
