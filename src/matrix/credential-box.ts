/** The certificates of a run: those that are to be turned away are made once, those that are welcome anew for each cell. */
import { type SecureContextOptions, createSecureContext } from "node:tls";
import { setTimeout } from "node:timers/promises";
import type { TrialCertificate } from "../pki/index.js";
import type { AxesStage } from "./axes-stage.js";
import { type Credential, type Shown, type Signers, type Who, credentials } from "./axes/credentials.js";
import { type Knock, WireConnection } from "./wire.js";

/** Something to knock with. */
export interface Held {
  readonly knock: Knock;
  /** Undefined for what is no certificate. */
  readonly certificate: TrialCertificate | undefined;
}

/** In whose place those try to get in who must not. */
const victim: Who = { tenant: "acme", name: "wild-0" };

/** How long a certificate is good that is to expire while it is tried, if that is enough for what comes before. */
export const shortLifeMs = 2_000;

export class CredentialBox {
  readonly #signers: Signers;
  readonly #made: ReadonlyMap<Credential, Held>;

  private constructor(signers: Signers, made: ReadonlyMap<Credential, Held>) {
    this.#signers = signers;
    this.#made = made;
  }

  /** Makes what is to be turned away, and lets in once what has to have been in before. */
  static async fill(stage: AxesStage): Promise<CredentialBox> {
    const made = new Map<Credential, Held>();
    let ends = new Date(0);
    for (const credential of credentials.filter(({ entrance }) => entrance !== "in")) {
      const { held, notAfter = ends } = await makeUnwelcome(credential, stage);
      made.set(credential, held);
      ends = notAfter;
    }
    const revoked = [...made].filter(([{ spoiledBy }]) => spoiledBy === "revocation");
    await stage.revoke(revoked.map(([, { certificate }]) => certificate!));
    await untilPast(ends);
    return new CredentialBox(stage.signers, made);
  }

  /** For a cell of this caller. @param notAfter for one that is to expire soon */
  take(credential: Credential, who: Who): Held {
    return this.#made.get(credential) ?? makeHeld(credential, this.#signers, who);
  }
}

/** A moment that a certificate can name, to the second, so much later or somewhat more. */
export function endOfLife(lifeMs: number): Date {
  return new Date(Math.ceil((Date.now() + lifeMs) / 1000) * 1000);
}

export async function untilPast(date: Date): Promise<void> {
  while (Date.now() <= date.getTime()) await setTimeout(date.getTime() - Date.now() + 1);
}

/** The same caller under an authority that is trusted later. */
export function successorOf(credential: Credential, stage: AxesStage, who: Who): Held {
  const { successor, signers } = stage;
  return makeHeld(credential, { ...signers, authority: successor, intermediate: successor }, who);
}

/** Also when it expires, if it has to have been good until then. */
async function makeUnwelcome(
  credential: Credential,
  stage: AxesStage,
  lifeMs = shortLifeMs,
): Promise<{ readonly held: Held; readonly notAfter?: Date }> {
  const end = credential.spoiledBy === "expiry" ? { notAfter: endOfLife(lifeMs) } : {};
  const made = makeHeld(credential, stage.signers, { ...victim, ...end });
  const held = credential.resumes ? await resumable(stage, made) : made;
  if (held !== undefined) return { held, ...end };
  const isExpired = end.notAfter !== undefined && Date.now() >= end.notAfter.getTime();
  if (!isExpired) throw new Error("a certificate was turned away while it was good");
  // On a slow machine it takes longer to be let in than it was good.
  return makeUnwelcome(credential, stage, 2 * lifeMs);
}

function makeHeld(credential: Credential, signers: Signers, who: Who): Held {
  const shown = credential.make?.(signers, who);
  return { knock: knockWith(credential, shown), certificate: shown?.certificate };
}

function knockWith({ plain }: Credential, shown: Shown | undefined): Knock {
  if (plain === "HTTP/1.1") return { speaks: "HTTP/1.1 in plain text" };
  if (plain === "HTTP/2") return { speaks: "HTTP/2 in plain text" };
  const old = plain === "TLS 1.2" ? ({ minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const) : {};
  // Read once, however often it is knocked with.
  return { speaks: "TLS", options: { secureContext: createSecureContext({ ...pemOf(shown), ...old }) } };
}

function pemOf(shown: Shown | undefined): SecureContextOptions {
  if (shown === undefined) return {};
  const { certificate, chain = [] } = shown;
  return { cert: [certificate.certificatePem, ...chain].join(""), key: certificate.keyPem };
}

/** Is let in with it, and keeps what a client keeps to be let in faster the next time; undefined when turned away. */
async function resumable(stage: AxesStage, { knock, certificate }: Held): Promise<Held | undefined> {
  if (knock.speaks !== "TLS") throw new TypeError("only TLS has sessions");
  using connection = new WireConnection(stage.port, knock);
  if (!(await connection.entered)) return undefined;
  // A ticket comes behind the handshake, so with what the server says first, or never.
  await connection.answersPing();
  const session = connection.tlsSession;
  return { knock: { speaks: "TLS", options: { ...knock.options, ...(session && { session }) } }, certificate };
}
