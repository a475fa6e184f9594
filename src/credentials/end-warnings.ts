import type { CredentialsInForce } from "./credentials.js";

const dayMs = 86_400_000;
/** Days before the end of a certificate on which whoever runs the server hears of it. */
const certificateSteps = [30, 14, 7, 3, 1, 0];
/** A step that is a larger part of its life is left out: what is made for a day is renewed every day. */
const lifePart = 1 / 3;

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
    const ofServer = { ...server, source: certSource };
    return [
      ...this.#certificate("server", ofServer, nowMs),
      ...trust.authorities.flatMap(({ source, subject, fingerprint256, facts }) => {
        const { notBeforeMs: startMs, notAfterMs: endMs } = facts;
        return this.#certificate("authority", { source, subject, fingerprint256, startMs, endMs }, nowMs);
      }),
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

  #certificate(
    kind: EndWarning["kind"],
    certificate: { source: string; subject: string; fingerprint256: string; startMs: number; endMs: number },
    nowMs: number,
  ): readonly EndWarning[] {
    const { source, subject, fingerprint256, startMs, endMs } = certificate;
    const steps = certificateSteps.map((days) => days * dayMs).filter((ms) => ms <= (endMs - startMs) * lifePart);
    const step = steps.filter((ms) => endMs - nowMs <= ms).length;
    return this.#once(fingerprint256, step, { source, subject, kind, endMs, hasEnded: endMs <= nowMs });
  }

  #once(id: string, step: number, warning: EndWarning): readonly EndWarning[] {
    if (step <= (this.#told.get(id) ?? 0)) return [];
    this.#told.set(id, step);
    return [warning];
  }
}
