/** What `aclog policy who` and `aclog policy what` have in common: the same review, about other parts of a policy. */
import { writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { LoadedPolicy } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { parsePrincipal, systemTenant } from "../names.js";
import type { Review, ReviewScope } from "../review/index.js";
import { didYouMean } from "../suggest.js";
import { parseCount, parsePath } from "./arguments.js";
import { withBar } from "./bar.js";
import { readTopicList, topicsOption } from "./existing-topics.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { loadFrom, policyOption } from "./policy-flags.js";
import { addLiveOptions, isLive, narrowerQuestion } from "./policy-live.js";
import { formatReview } from "./review-text.js";
import { counted } from "./units.js";
import { whyUnwritable } from "./unwritable.js";

export interface ReviewFlags extends ConnectionFlags {
  readonly policy: string;
  readonly topics?: string;
  readonly limit?: number;
  readonly csv?: true;
  readonly html?: string;
  readonly json?: true;
}

const maxLimit = 100_000;

export function addReviewOptions(command: Command): Command {
  return addLiveOptions(command)
    .addOption(policyOption())
    .addOption(topicsOption())
    .addOption(new Option("--limit <COUNT>", "end after so many permissions (default: 10000)").argParser(parseLimit))
    .addOption(new Option("--csv", "print a row for each permission").conflicts(["html", "json"]))
    .addOption(
      new Option("--html <FILE>", "write the grid as a page of its own; - is stdout")
        .argParser(parsePath)
        .conflicts("json"),
    )
    .option("--json", "print one object");
}

/**
 * Prints or writes what there is within the scope.
 * @throws UsageError for a tenant that the policy does not declare
 */
export async function printReview(scope: ReviewScope, flags: ReviewFlags): Promise<void> {
  const { cutOffInWords, formatCsv, formatHtml, notesOn } = await import("../review/index.js");
  const { review, policy } = isLive(flags) ? await askServer(scope, flags) : await reviewFiles(scope, flags);
  if (flags.json) {
    await print(`${JSON.stringify(review)}\n`);
    return;
  }
  const cutOff = cutOffInWords(review);
  // A table says so itself. Beside rows for programs a note on stdout would be one of them.
  if (cutOff !== undefined && (flags.csv || flags.html !== undefined)) process.stderr.write(`aclog: ${cutOff}\n`);
  if (flags.csv) {
    for (const note of notesOn(review)) process.stderr.write(`aclog: ${note}\n`);
    await print(formatCsv(review));
    return;
  }
  if (flags.html !== undefined) {
    await writePage(flags.html, formatHtml(review, { source: sourceOf(flags), madeMs: Date.now() }), review);
    return;
  }
  const unknown = review.permissions.length === 0 && policy ? await unknownPrincipal(policy, scope.principal) : "";
  await print(`${await formatReview(review)}${unknown}`);
}

function sourceOf({ address, policy }: ReviewFlags): string {
  return address === undefined ? `the folder ${policy}` : `the server ${address.join(", ")}`;
}

/** A name that stands nowhere may be mistyped. */
async function unknownPrincipal(policy: LoadedPolicy, principal: string | undefined): Promise<string> {
  const home = principal === undefined ? undefined : parsePrincipal(principal)?.tenant;
  if (principal === undefined || home === undefined) return "";
  const { principalNamed } = await import("../authz/index.js");
  const { rows, matrix } = policy;
  const written = [...rows.rules.map(({ subject }) => subject), ...rows.assignments.map(({ member }) => member)];
  const names = new Set([
    ...written.flatMap((name) => principalNamed(name, home, policy) ?? []),
    ...matrix.map((row) => row.principal),
  ]);
  return names.has(principal) ? "" : `No line names ${principal}${didYouMean(principal, names)}\n`;
}

/** A review, with the policy that it is of where that is at hand. */
interface Reviewed {
  readonly review: Review;
  readonly policy?: LoadedPolicy;
}

async function reviewFiles(scope: ReviewScope, flags: ReviewFlags): Promise<Reviewed> {
  const { reviewPermissions } = await import("../review/index.js");
  const existing = flags.topics === undefined ? [] : await readTopicList(flags.topics);
  const policy = await loadFrom(flags.policy);
  checkTenant(policy, scope.tenant);
  const limit = flags.limit === undefined ? {} : { maxPermissions: flags.limit };
  const review = await withBar("principals", (onProgress) =>
    reviewPermissions(policy, scope, { existing, onProgress, ...limit }),
  );
  return { review, policy };
}

async function askServer(scope: ReviewScope, flags: ReviewFlags): Promise<Reviewed> {
  const { principal, action = "*", tenant, topic } = scope;
  if (flags.topics !== undefined) throw new UsageError("--topics goes without --address: the server knows its topics");
  if (flags.limit !== undefined) throw new UsageError("--limit goes without --address");
  let review: unknown;
  await withClient(
    flags,
    async ({ policy }) => {
      review = await (tenant === undefined || topic === undefined
        ? policy.what({ principal, tenant })
        : policy.who({ action, tenant, topic }));
    },
    narrowerQuestion,
  );
  return { review: review as Review };
}

async function writePage(path: string, page: string, { permissions }: Review): Promise<void> {
  if (path === "-") {
    await print(page);
    return;
  }
  await writeFile(path, page).catch((error: unknown) => {
    throw new OperatorError(`cannot write ${path}: ${whyUnwritable(error)}`);
  });
  await print(`${path}: ${counted(permissions.length, "permission")}\n`);
}

function checkTenant({ compiled }: LoadedPolicy, tenant: string | undefined): void {
  if (tenant === undefined || tenant === systemTenant || compiled.isDeclaredTenant(tenant)) return;
  throw new UsageError(`the policy declares no tenant "${tenant}"${didYouMean(tenant, compiled.tenants)}`);
}

function parseLimit(text: string): number {
  const limit = parseCount(text);
  if (limit > maxLimit) throw new InvalidArgumentError(`At most ${maxLimit}: for more, ask tenant by tenant.`);
  return limit;
}
