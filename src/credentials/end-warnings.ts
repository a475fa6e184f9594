import type { CredentialsInForce } from "./credentials.js";

const dayMs = 86_400_000;
/** Days before the end of a certificate on which whoever runs the server hears of it. */
const certificateSteps = [30, 14, 7, 3, 1, 0];

/** Something that ends soon, or has ended. */
export interface EndWarning {
  readonly source: string;
  /** Whose certificate, or list. */
  readonly subject: string;
  readonly kind: "server" | "authority" | "revocation list";
  readonly endMs: number;
  readonly hasEnded: boolean;
}

/** Says what ends soon, once for each step of each thing. */
export class EndWarnings {
  readonly #told = new Map<string, number>();

  /** What there is to say at this moment that has not been said. */
  due(inForce: CredentialsInForce, certSource: string, nowMs: number): readonly EndWarning[] {
    const { server, trust, lists } = inForce;
    const certificate = (kind: EndWarning["kind"], source: string, subject: string, id: string, endMs: number) => {
      const daysLeft = (endMs - nowMs) / dayMs;
      const step = certificateSteps.filter((days) => daysLeft <= days).length;
      return this.#once(id, step, { source, subject, kind, endMs, hasEnded: endMs <= nowMs });
    };
    return [
      ...certificate("server", certSource, server.subject, server.fingerprint256, server.endMs),
      ...trust.authorities.flatMap(({ source, subject, fingerprint256, facts }) =>
        certificate("authority", source, subject, fingerprint256, facts.notAfterMs),
      ),
      ...lists.flatMap(({ source, list }) => {
        const { issuer, thisUpdateMs, nextUpdateMs: endMs } = list;
        if (endMs === undefined) return [];
        // From the last fifth of its life, and when it has ended.
        const step = [thisUpdateMs + (endMs - thisUpdateMs) * 0.8, endMs].filter((ms) => ms <= nowMs).length;
        const warning = { source, subject: issuer, kind: "revocation list", endMs, hasEnded: endMs <= nowMs } as const;
        return this.#once(`${source} ${issuer} ${thisUpdateMs} ${endMs}`, step, warning);
      }),
    ];
  }

  #once(id: string, step: number, warning: EndWarning): readonly EndWarning[] {
    if (step <= (this.#told.get(id) ?? 0)) return [];
    this.#told.set(id, step);
    return [warning];
  }
}
