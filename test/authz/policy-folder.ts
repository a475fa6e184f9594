import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatFinding } from "../../src/errors.js";
import {
  type AccessRequest,
  type Authorizer,
  CasbinAuthorizer,
  type Denial,
  type LoadedPolicy,
  PolicyFiles as PolicySources,
  checkPolicy,
  loadPolicy,
} from "../../src/authz/index.js";

export const exampleModel = await readFile(new URL("../../policy/model.conf", import.meta.url), "utf8");

const sound = {
  "model.conf": exampleModel,
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": "p, acme/billing, acme, orders, produce, allow\n",
  "matrix.csv": "acme/billing, acme, orders, produce, allow\n",
};
export type PolicyFile = keyof typeof sound;
/** Undefined stands for a file that is not there. */
export type PolicyFiles = Partial<Record<PolicyFile, string | Buffer | undefined>>;

/** A directory with a small, sound policy, but for the files that a test gives. */
export class PolicyFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(files: PolicyFiles = {}): Promise<PolicyFolder> {
    const folder = new PolicyFolder(await mkdtemp(join(tmpdir(), "aclog-policy-")));
    await folder.write({ ...sound, ...files });
    return folder;
  }

  async write(files: PolicyFiles): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      if (content === undefined) await rm(join(this.path, name), { force: true });
      else await writeFile(join(this.path, name), content);
    }
  }

  /** The policy, as it could come into force. */
  async compiled(): Promise<LoadedPolicy["compiled"]> {
    const { policy, report } = await loadPolicy(await PolicySources.read(this.path));
    if (policy === undefined) throw new Error(report.findings.map(formatFinding).join("\n"));
    return policy.compiled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** Everything that is wrong with a folder, as an administrator reads it, without the directory. */
export async function mistakesIn(files: PolicyFiles): Promise<string[]> {
  await using folder = await PolicyFolder.create(files);
  const { findings } = await checkPolicy(folder.path);
  return findings.map((finding) => formatFinding(finding).replaceAll(`${folder.path}/`, ""));
}

export async function warningsIn(files: PolicyFiles): Promise<string[]> {
  await using folder = await PolicyFolder.create(files);
  const { findings, warnings } = await checkPolicy(folder.path);
  if (findings.length > 0) throw new Error(findings.map(formatFinding).join("\n"));
  return warnings.map((finding) => formatFinding(finding).replaceAll(`${folder.path}/`, ""));
}

/** An authorizer over `policy.csv` alone, and what it told the log. */
export async function authorizerFor(policy: string): Promise<{ authorizer: CasbinAuthorizer; denials: Denial[] }> {
  await using folder = await PolicyFolder.create({ "policy.csv": policy, "matrix.csv": "" });
  const denials: Denial[] = [];
  const authorizer = await CasbinAuthorizer.open(folder.path, { onDenied: (denial) => denials.push(denial) });
  return { authorizer, denials };
}

/** `ask("acme/billing", "produce", "acme", "orders")` */
export function ask(principal: string, action: string, tenant: string, topic: string): AccessRequest {
  const [home, name] = principal.split("/");
  return { principal: { tenant: home!, name: name! }, action: action as AccessRequest["action"], tenant, topic };
}

/** What came of a request, as one word. Anything but a return or a PermissionDenied is thrown on. */
export function outcome(authorizer: Pick<Authorizer, "authorize">, request: AccessRequest): "allow" | "deny" {
  try {
    authorizer.authorize(request);
    return "allow";
  } catch (error) {
    if (error instanceof Error && "reason" in error && error.reason === "PERMISSION_DENIED") return "deny";
    throw error;
  }
}
