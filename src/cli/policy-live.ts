/** What the commands under `policy` have in common that ask a server. */
import type { Command } from "commander";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CallError, PolicyFilesInput } from "../client/index.js";
import { OperatorError, type Finding } from "../errors.js";
import { whyUnreadable } from "../read-file.js";
import { addConnectionOptions, type ConnectionFlags } from "./connection.js";
import type { Aftermath } from "./failure.js";

/** For a command that answers from files unless it is told of a server. */
export function addLiveOptions(command: Command): Command {
  addConnectionOptions(command);
  const address = command.options.find(({ long }) => long === "--address")!;
  address.description = "ask this server, in place of files";
  return command;
}

/** A variable alone does not make a command ask a server: what it answers would depend on the shell. */
export function isLive(flags: ConnectionFlags): boolean {
  return flags.address !== undefined;
}

/** Of a question about every tenant: who administers one alone may ask about that one. */
export function narrowerQuestion({ codeName, details }: CallError): Aftermath {
  const tenant = /^([^/ ]+)\/\S+ may not administer _system\/policy/.exec(details)?.[1];
  const isOther = codeName === "PERMISSION_DENIED" && tenant !== undefined && !tenant.startsWith("_");
  const hint = `--tenant ${tenant} asks about topics of ${tenant} alone, which the administrator of ${tenant} may.`;
  return { hint: isOther ? hint : undefined, hasBegun: false };
}

/** What a policy is made of. */
const fileNames = ["model.conf", "tenants.yaml", "policy.csv", "matrix.csv"] as const;

/** What is wrong with the place itself, of which four missing files would say nothing; undefined for a folder. */
export async function notFolder(directory: string): Promise<Finding | undefined> {
  try {
    if ((await stat(directory)).isDirectory()) return undefined;
    return { source: directory, problem: `this is a file; name its folder, ${dirname(directory)}` };
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return { source: directory, problem: isMissing ? "there is no such folder" : whyUnreadable(error) };
  }
}

/** The files of a policy as they are, to be looked at by a server. @throws OperatorError naming each that cannot be read */
export async function readPolicyFiles(directory: string): Promise<PolicyFilesInput> {
  const wrongPlace = await notFolder(directory);
  if (wrongPlace !== undefined) throw new OperatorError("there is no policy to read:", [wrongPlace]);
  const findings: Finding[] = [];
  const files = fileNames.map(async (name) => {
    const source = join(directory, name);
    try {
      return [name, await readFile(source)] as const;
    } catch (error) {
      findings.push({ source, problem: whyUnreadable(error) });
      return [name, Buffer.alloc(0)] as const;
    }
  });
  const read = Object.fromEntries(await Promise.all(files));
  if (findings.length > 0) throw new OperatorError(`the policy in ${directory} cannot be read:`, findings);
  return read;
}

/** What a server found in the files of a folder that it does not know. */
export function inFolder(directory: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) =>
    fileNames.some((name) => name === finding.source)
      ? { ...finding, source: join(directory, finding.source) }
      : finding,
  );
}

/** Whether it is what a server calls a version. */
export function isVersion(text: string): boolean {
  return /^[0-9a-f]{12}$/.test(text);
}
