/** What a server says of its policy, as far as somebody at hand may ask. */
import { status } from "@grpc/grpc-js";
import { type StatedCase, type StatedMatrix, policyTopic } from "../authz/index.js";
import { systemTenant } from "../names.js";
import type { StatusResponseOutput } from "../wire/generated/policy/v1/StatusResponse.js";
import type { WhyResponseOutput } from "../wire/generated/policy/v1/WhyResponse.js";
import { type Answer, onOneLine, once } from "./answer.js";
import type { Callers } from "./callers.js";
import type { Patience } from "./probe-cell.js";
import { soon } from "./probes.js";

/** The version in force, and who was told; or why nobody was. */
export type InForce =
  | { readonly version: string; readonly askedBy: string }
  | { readonly version: undefined; readonly problem: string | undefined };

/** What it says to a case; or why somebody who may ask got no answer, if anybody may. */
export interface Said {
  readonly decision?: "allow" | "deny";
  readonly problem?: string | undefined;
}

export class LivePolicy {
  readonly #matrix: StatedMatrix;
  readonly #principals: readonly string[];
  readonly #callers: Callers;
  readonly #patience: Patience;
  /** Who may not ask, of which tenant. */
  readonly #refused = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param principals who is let in */
  constructor(matrix: StatedMatrix, principals: readonly string[], callers: Callers, patience: Patience) {
    this.#matrix = matrix;
    this.#principals = principals;
    this.#callers = callers;
    this.#patience = patience;
  }

  /** `problem` is there when somebody may ask who gets no answer. @throws NoAnswer */
  async inForce(): Promise<InForce> {
    let problem: string | undefined;
    for (const askedBy of this.#administratorsOf(systemTenant)) {
      const answer = (await this.#callers.as(askedBy, ({ policy }) =>
        this.#patience.ask(() => once<StatusResponseOutput>((done) => policy.status({}, soon(), done))),
      ))!;
      const version = answer.messages[0]?.active?.version;
      if (version !== undefined) return { version: onOneLine(version), askedBy };
      problem ??= `which policy is in force could not be asked: ${told(askedBy, answer)}`;
    }
    return { version: undefined, problem };
  }

  /** What the policy there says to a case, by itself. One question after the other, as the server takes them. @throws NoAnswer */
  decide(cell: StatedCase): Promise<Said> {
    const deciding = this.#last.then(() => this.#decide(cell));
    this.#last = deciding.catch(() => undefined);
    return deciding;
  }

  async #decide(cell: StatedCase): Promise<Said> {
    const { principal, tenant, topic, action } = cell;
    let problem: string | undefined;
    for (const asker of this.#askersAbout(cell)) {
      if (this.#refused.has(`${asker} ${tenant}`)) continue;
      const answer = (await this.#callers.as(asker, ({ policy }) =>
        this.#patience.ask(() =>
          once<WhyResponseOutput>((done) => policy.why({ principal, tenant, topic, action }, soon(), done)),
        ),
      ))!;
      const decision = answer.messages[0]?.explanation?.decision;
      if (decision === "allow" || decision === "deny") return { decision };
      if (answer.code !== status.PERMISSION_DENIED) problem ??= told(asker, answer);
      // Of himself, somebody may ask about one topic and not about another.
      else if (asker !== principal) this.#refused.add(`${asker} ${tenant}`);
    }
    return { problem };
  }

  /** Whoever may ask about everything, about the tenant, and about himself. */
  #askersAbout({ principal, tenant, topic }: StatedCase): ReadonlySet<string> {
    const administrators = [...this.#administratorsOf(systemTenant), ...this.#administratorsOf(tenant)];
    const mayDescribe = this.#matrix.decide({ principal, tenant, topic, action: "describe" }) === "allow";
    return new Set([...administrators, ...(mayDescribe ? [principal] : [])]);
  }

  #administratorsOf(tenant: string): readonly string[] {
    return this.#principals.filter(
      (principal) => this.#matrix.decide({ principal, tenant, topic: policyTopic, action: "admin" }) === "allow",
    );
  }
}

function told(asker: string, { code, details }: Answer<unknown>): string {
  return `${asker} was told ${status[code]}: ${details}`;
}
