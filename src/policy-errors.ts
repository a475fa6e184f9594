/** Why a question about the policy, or a change of it, is refused. Open to every room. */
import { type Finding, formatFinding, ServiceError } from "./errors.js";

/** No refusal has this id, or it is too long ago. Told only to callers who may ask about every refusal. */
export class DecisionUnknown extends ServiceError {
  readonly reason = "DECISION_UNKNOWN";

  constructor(id: string) {
    super(`no refusal has the id ${id}, or it is too long ago`, { decision: id });
  }
}

/** As many questions and changes of the policy are under way as there may be at a time; nothing was done. */
export class PolicyBusy extends ServiceError {
  readonly reason = "POLICY_BUSY";
  override readonly retryAfterMs = 1000;

  /** @param asker whose work is under way */
  constructor(asker: string) {
    super(`the policy is being looked at or changed for ${asker} already`, { asker });
  }
}

/** An upload did not go on for so long that its sender is taken for gone; nothing was done. */
export class UploadIdle extends ServiceError {
  readonly reason = "UPLOAD_IDLE";

  constructor(idleMs: number) {
    super(`no message of the upload came for ${idleMs} ms`, { idle_ms: `${idleMs}` });
  }
}

/** A policy was made from another version than the one in force: what came into force meanwhile would be lost. */
export class PolicyMoved extends ServiceError {
  readonly reason = "POLICY_MOVED";

  constructor(basedOn: string, inForce: string) {
    super(`the policy in force is version ${inForce}, not ${basedOn}`, { basedOn, inForce });
  }
}

/** What of many findings goes into an error, in characters: an error travels in HTTP/2 headers. */
const violationCharacters = 2_000;

/** A policy with mistakes. Its findings name the files alone, whatever folder they would have gone to. */
export class PolicyRefused extends ServiceError {
  readonly reason = "POLICY_REFUSED";
  /** All of them. */
  readonly findings: readonly Finding[];
  override readonly violations: readonly { readonly field: string; readonly description: string }[];

  constructor(version: string, findings: readonly Finding[]) {
    const first = findings[0] === undefined ? "" : `: ${formatFinding(findings[0]).slice(0, violationCharacters / 4)}`;
    const others = findings.length > 1 ? `, and ${findings.length - 1} more` : "";
    super(`the policy cannot come into force${first}${others}`, { version, findings: `${findings.length}` });
    this.findings = findings;
    let room = violationCharacters;
    this.violations = findings
      .map(({ problem, ...place }) => {
        const field = formatFinding({ ...place, problem: "" }).slice(0, -": ".length);
        return { field, description: problem };
      })
      .filter(({ field, description }) => (room -= field.length + description.length) > 0);
  }
}

/** The policy files are not those of the version in force: someone is editing them, and his work would be lost. */
export class PolicyFilesEdited extends ServiceError {
  readonly reason = "POLICY_FILES_EDITED";

  /** @param names of the files, without their folder */
  constructor(names: readonly string[], inForce: string) {
    const files = names.join(", ");
    super(`the files of the policy are not those of version ${inForce}, which is in force: ${files}`, {
      files,
      inForce,
    });
  }
}

/** The policy files cannot be replaced where they are. Nothing was changed; the cause is for the server's log. */
export class PolicyFilesUnwritable extends ServiceError {
  readonly reason = "POLICY_FILES_UNWRITABLE";

  constructor(problem: string, cause?: unknown) {
    super(`the policy files cannot be replaced: ${problem}; nothing was changed`, {}, { cause });
  }
}

/** No such version of the policy is kept. */
export class PolicyVersionUnknown extends ServiceError {
  readonly reason = "POLICY_VERSION_UNKNOWN";

  constructor(version: string) {
    super(`version ${version.slice(0, 64)} of the policy is not kept`, { version: version.slice(0, 64) });
  }
}

/** What is kept of a version is not what it was. It is not used; where it is, is for the server's log. */
export class PolicyVersionDamaged extends ServiceError {
  readonly reason = "POLICY_VERSION_DAMAGED";
  readonly location: string;

  constructor(version: string, location: string, problem: string) {
    super(`what is kept of version ${version} of the policy is damaged: ${problem}`, { version });
    this.location = location;
  }
}
