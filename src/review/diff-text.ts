import type { Cause } from "./diff-causes.js";
import type { PolicyDiff } from "./diff.js";
import type { AccessChange } from "./diff-groups.js";
import type { ToldChange } from "./diff-known.js";
import { anyAuthority, type StandingChange } from "./diff-settings.js";
import { groupedBy } from "./grouped.js";
import { serverMade, type TopicRange } from "./topic-regions.js";

/** What is shown of each, so that a reader comes to the end of it. The data have everything. */
const most = { changes: 100, lines: 50, causes: 6, names: 4, topics: 6, exceptions: 6, known: 6 };

interface Section {
  readonly title: string;
  /** A `+` or `-` at the beginning says whether it came or went. */
  readonly lines: readonly string[];
}

/** For a terminal. */
export function diffAsText(diff: PolicyDiff): string {
  const sections = sectionsOf(diff).map(({ title, lines }) => [title, ...lines.map((line) => `  ${line}`), ""]);
  return [...sections.flat(), `${versionsOf(diff)}: ${verdictOn(diff)}`].map((line) => `${line}\n`).join("");
}

/** For a comment on a pull request: headings, and code blocks that GitHub and others colour. */
export function diffAsMarkdown(diff: PolicyDiff): string {
  const sections = sectionsOf(diff).map(({ title, lines }) => [`### ${title}`, "", "```diff", ...lines, "```", ""]);
  const verdict = verdictOn(diff);
  const head = [`## Policy: ${verdict}`, "", versionsOf(diff), ""];
  return [...head, ...sections.flat()].map((line) => `${line}\n`).join("");
}

/** `access widens: 4 principals gain, 1 loses` */
export function verdictOn(diff: PolicyDiff): string {
  const { widens, incomplete, counts, changes } = diff;
  if (incomplete !== undefined) return `not complete, so take it that access widens: ${incomplete}`;
  const letIn = letInWords(diff);
  if (changes.length === 0 && letIn.length === 0) return "no change in effect: nobody gains or loses access";
  const losing = `${counts.losing === 1 ? "1 principal loses" : `${counts.losing} principals lose`} access, nobody gains`;
  const gaining = counts.gaining === 1 ? "1 principal gains" : `${counts.gaining} principals gain`;
  const byRules = counts.gaining > 0 ? `${gaining}, ${losers(counts.losing)}` : losing;
  return `access ${widens ? "widens" : "narrows"}: ${[...letIn, ...(changes.length > 0 ? [byRules] : [])].join("; ")}`;
}

/** Of which tenants more or fewer certificates are let in: `acme and globex are no longer suspended`. */
function letInWords(diff: PolicyDiff): string[] {
  return [...groupedBy(changesOfStanding(diff), standingInWords)].map(([what, each]) => {
    const names = each.map(({ tenant }) => tenant);
    return `${namesOf(names, most.names, "other")} ${each.length === 1 ? "is" : "are"} ${what}`;
  });
}

/** Of a tenant that is declared anew nobody was let in before. */
function changesOfStanding({ standings, tenants }: PolicyDiff): StandingChange[] {
  return standings.filter(({ tenant }) => !tenants.declared.includes(tenant));
}

function standingInWords({ setting, widens, new: now }: StandingChange): string {
  if (setting === "suspended") return widens ? "no longer suspended" : "suspended";
  if (now === anyAuthority) return "bound to no authority any more";
  return widens ? "bound to other authorities" : "bound to fewer authorities";
}

function losers(count: number): string {
  if (count === 0) return "nobody loses";
  return count === 1 ? "1 loses" : `${count} lose`;
}

function versionsOf({ oldVersion, newVersion }: PolicyDiff): string {
  return oldVersion === newVersion ? `version ${oldVersion}, the same files` : `version ${oldVersion} → ${newVersion}`;
}

function sectionsOf(diff: PolicyDiff): Section[] {
  const { tenants, limits, standings, matcher, matrix, withoutEffect, textOnly } = diff;
  const lineOf = ({ side, place, text }: (typeof matrix)[number]): string =>
    `${side === "new" ? "+" : "-"} ${place}: ${text}`;
  const sections = [
    { title: "Who gains access", lines: changeLines(diff, "gain") },
    { title: "Who loses access", lines: changeLines(diff, "lose") },
    {
      title: "Tenants",
      lines: [
        ...first(tenants.declared, most.lines, (tenant) => `+ ${tenant} is declared`),
        ...first(tenants.undeclared, most.lines, (tenant) => `- ${tenant} is no longer declared`),
        ...first(
          standings,
          most.lines,
          ({ tenant, setting, old, new: now }) => `${tenant}: ${setting} ${old} → ${now}`,
        ),
      ],
    },
    {
      title: "Limits",
      lines: first(limits, most.lines, ({ tenant, limit, old, new: now }) => `${tenant}: ${limit} ${old} → ${now}`),
    },
    { title: "Matcher", lines: matcher === undefined ? [] : [`- ${matcher.old}`, `+ ${matcher.new}`] },
    { title: "Matrix", lines: first(matrix, most.lines, lineOf) },
    {
      title: "Without effect",
      lines: [
        ...first(withoutEffect, most.lines, lineOf),
        ...textOnly.map((name) => `${name}: other comments, order or spaces`),
      ],
    },
  ];
  return sections.filter(({ lines }) => lines.length > 0);
}

function changeLines(diff: PolicyDiff, which: AccessChange["change"]): string[] {
  const sign = which === "gain" ? "+" : "-";
  const suspensions = changesOfStanding(diff).filter(
    ({ setting, widens }) => setting === "suspended" && widens === (which === "gain"),
  );
  const ofAll = first(
    suspensions,
    most.lines,
    ({ tenant }) => `${sign} every principal of ${tenant}: all that rules allow it`,
  );
  const ofSome = first(
    diff.changes.filter(({ change }) => change === which),
    most.changes,
    (change) => [`${sign} ${inWords(change)}`, ...knownLines(change), ...causeLines(change)],
  ).flat();
  return [...ofAll, ...ofSome];
}

/** `acme/billing and 3 others: produce, create on acme/orders.* (except acme/orders.cards)` */
export function inWords({ principals, tenants, inOwnTenant, actions, topics }: AccessChange): string {
  const who = namesOf(principals.map(principalInWords), most.names, "other");
  const [tenant] = tenants;
  const prefix = tenants.length === 1 ? `${tenant!}/` : "";
  const shown = topics.slice(0, most.topics).map((range) => rangeInWords(range, prefix));
  const what = namesOf([...shown, ...topics.slice(most.topics).map(({ pattern }) => pattern)], most.topics, "other");
  const where =
    tenants.length === 1
      ? ""
      : inOwnTenant
        ? ", each in its own tenant"
        : ` in ${namesOf(tenants, most.names, "other")}`;
  return `${who}: ${actions.join(", ")} on ${what}${where}`;
}

function principalInWords(principal: string): string {
  return principal.endsWith("/*") ? `any other principal of ${principal.slice(0, -2)}` : principal;
}

function rangeInWords({ pattern, except }: TopicRange, prefix: string): string {
  const named = pattern === serverMade ? `${prefix}${pattern} (names that begin with _)` : `${prefix}${pattern}`;
  return except.length === 0 ? named : `${named} (except ${namesOf(except, most.exceptions, "other")})`;
}

function knownLines({ known, knownLeftOut }: ToldChange): string[] {
  if (known.length === 0) return [];
  const names = known.slice(0, most.known).map(({ tenant, topic }) => `${tenant}/${topic}`);
  const more = known.length - names.length + knownLeftOut;
  return [`      known topics: ${more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`}`];
}

function causeLines({ causes, causesLeftOut }: AccessChange): string[] {
  const shown = causes.slice(0, most.causes);
  const more = causes.length - shown.length + causesLeftOut;
  return [...shown.map(causeInWords), ...(more > 0 ? [`and ${more} more`] : [])].map((line) => `      ${line}`);
}

function causeInWords({ kind, place, text }: Cause): string {
  if (kind === "matcher changed") return "the matcher changed";
  if (kind === "tenant declared" || kind === "tenant no longer declared") return `${kind}: ${text ?? ""}`;
  return `${kind === "rule" ? "by" : `${kind}:`} ${place ?? ""}: ${text ?? ""}`;
}

function namesOf(names: readonly string[], room: number, what: string): string {
  const more = names.length - room;
  if (more > 0) return `${names.slice(0, room).join(", ")} and ${more} ${more === 1 ? what : `${what}s`}`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}`;
}

function first<Item, Line>(items: readonly Item[], room: number, toLine: (item: Item) => Line): (Line | string)[] {
  const lines: (Line | string)[] = items.slice(0, room).map(toLine);
  if (items.length > room) lines.push(`and ${items.length - room} more; --json has them all`);
  return lines;
}
