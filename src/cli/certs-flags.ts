/** What the commands below `aclog certs` have in common. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
// Not from the room's index, which loads what makes certificates.
import { longestDays } from "../pki/validity.js";
import { readFileWithin, requireFile, whyUnreadable } from "../read-file.js";
import { defaultCertificates } from "./connection.js";
import { parseCount } from "./arguments.js";
import { whyUnwritable } from "./unwritable.js";

/** Far more than a certificate with a long chain; a longer file is something else. */
const largestFileBytes = 1024 * 1024;

export function addFolder(command: Command, what = "where the authority is"): Command {
  return command.option("--dir <DIR>", what, defaultCertificates);
}

export function bitsOption(): Option {
  return new Option("--bits <N>", "size of the RSA key that is made").choices(["2048", "3072"]);
}

/** @throws InvalidArgumentError unless it is a number of days that a certificate can last */
export function parseDays(text: string): number {
  const days = parseCount(text);
  if (days > longestDays) throw new InvalidArgumentError(`At most ${longestDays} days, which is a century.`);
  return days;
}

/** @throws InvalidArgumentError unless it is a whole number of days from 0 */
export function parseWithin(text: string): number {
  return text === "0" ? 0 : parseDays(text);
}

export function bitsOf(text: "2048" | "3072" | undefined): 2048 | 3072 | undefined {
  return text === undefined ? undefined : text === "3072" ? 3072 : 2048;
}

/** What a system call says about a path inside, as it concerns the folder that was named. */
export async function writing<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const problem = `cannot make certificates in ${directory}: ${whyUnwritable(error)}; name another folder with --dir`;
    throw new OperatorError(problem, [], { cause: error });
  }
}

/** What a system call says about a folder that is only looked at. */
export async function lookingIn<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const problem = `cannot look into ${directory}: ${whyUnreadable(error)}; name another folder with --dir`;
    throw new OperatorError(problem, [], { cause: error });
  }
}

/** @throws OperatorError that begins with what could not be done */
export async function readCertificateFile(path: string, purpose: string, maxBytes = largestFileBytes): Promise<Buffer> {
  try {
    await requireFile(path);
    return await readFileWithin(path, maxBytes);
  } catch (error) {
    throw new OperatorError(`${purpose}:`, [{ source: path, problem: whyUnreadable(error) }], { cause: error });
  }
}

/** The room that reads bytes does not know where they came from. */
export async function naming<T>(path: string, purpose: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError(`${purpose}:`, [{ source: path, problem: error.message }], { cause: error });
  }
}

export function madeLines(directory: string, paths: readonly string[]): string {
  return paths.map((path) => `made ${join(directory, path)}\n`).join("");
}

/** `2026-11-21T09:30:00Z`: certificates count in seconds. */
export function shownTime(date: Date): string {
  return date.toISOString().replace(/\.\d+/, "");
}
