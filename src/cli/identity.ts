/** `aclog identity`: what the server would make of somebody with a certificate, question by question. */
import { styleText } from "node:util";
import type { Command } from "commander";
import type { ConfigFlags } from "../config/index.js";
import { configVariable, type SettingName, settings, variableOf, type Setting } from "../config/settings.js";
import { formatFinding, OperatorError } from "../errors.js";
import { formatPrincipal } from "../names.js";
import type { ExplainedIdentity } from "../node/index.js";
import { readCertificateFile } from "./certs-flags.js";
import { print } from "./output.js";
import { table } from "./table.js";

/** Those of the server's settings that decide who somebody is. */
const names = [
  "ca",
  "crl",
  "crl-expired",
  "identity",
  "policy",
  "break-glass",
] as const satisfies readonly SettingName[];

const purpose = "cannot explain";

export function addIdentity(program: Command): void {
  const command = program
    .command("identity")
    .summary("show who the server would take a certificate for, and why")
    .description(
      "Show who the server would take the bearer of a certificate for, question by question, or why he is nobody, by the " +
        "files that a server with the same settings would go by: no server is asked. Exits with 1 if he is nobody.",
    )
    .argument("<FILE>", "PEM, the certificate first and then what leads from there to an authority; or DER")
    .option("--config <FILE>", `YAML with the settings of the server (${configVariable})`);
  for (const name of names) {
    const { placeholder, help, default: fallback }: Setting = settings[name];
    const otherwise = fallback === undefined ? "" : `; default ${fallback}`;
    command.option(`--${name} <${placeholder}>`, `${help} (${variableOf(name)}${otherwise})`);
  }
  command
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog identity certs/clients/acme/billing.crt --identity identity.yaml")
    .action(async (path: string, { json, ...flags }: Readonly<Record<string, string | true>>) => {
      const given = command.options.filter((option) => option.attributeName() in flags);
      const written = given.map((option) => [option.name(), String(flags[option.attributeName()])]);
      await explain(path, Object.fromEntries(written) as ConfigFlags, json === true);
    });
}

async function explain(path: string, flags: ConfigFlags, json: boolean): Promise<void> {
  const { loadConfig } = await import("../config/index.js");
  const config = await loadConfig({ flags, env: process.env });
  const { explainIdentity } = await import("../node/explain-identity.js");
  const bytes = await readCertificateFile(path, purpose);
  const explained = await explainIdentity(config, bytes).catch((error: unknown) => {
    // The room that explains knows bytes, and not where they came from.
    if (!(error instanceof OperatorError) || error.findings.length > 0) throw error;
    throw new OperatorError(`${purpose}:`, [{ source: path, problem: error.message }], { cause: error });
  });
  await print(json ? `${JSON.stringify(objectOf(explained))}\n` : await inWords(explained));
  if ("problem" in explained.identity) process.exitCode = 1;
}

function objectOf({ identity, steps, remedy, findings }: ExplainedIdentity): object {
  const warnings = findings.map(formatFinding);
  if ("problem" in identity) {
    const { problem, message: reason } = identity;
    return { principal: null, problem, reason, remedy, steps, warnings };
  }
  const { principal, endsMs, ...rest } = identity;
  return { principal: formatPrincipal(principal), ...rest, ends: new Date(endsMs).toISOString(), steps, warnings };
}

async function inWords({ identity, steps, remedy, findings }: ExplainedIdentity): Promise<string> {
  const rows = steps.flatMap(rowsOf);
  const drawn = await table<Row>(
    [
      { head: "question", cell: ({ what }) => what },
      { head: "answer", cell: ({ outcome }) => outcome },
      { head: "because", cell: ({ detail }) => detail },
    ],
    rows,
    "",
  );
  const lines = drawn.split("\n");
  // The head is the first line; a colour within a cell would upset the widths.
  const painted = lines.map((line, at) => paint(styleOf(rows[at - 1]), line)).join("\n");
  const warnings = findings.map((finding) => `warning: ${formatFinding(finding)}\n`).join("");
  const next = remedy === undefined ? "" : `  ${remedy}\n`;
  return `${painted}\n${conclusion(identity)}\n${next}${warnings}`;
}

interface Row {
  readonly what: string;
  readonly outcome: string;
  readonly detail: string;
}

type Step = ExplainedIdentity["steps"][number];

/** The step, and below it what each of the rules says. */
function rowsOf({ what, outcome, detail, rules = [] }: Step): readonly Row[] {
  const below = rules.map((each) => ({ what: `  rule ${each.rule}`, outcome: each.outcome, detail: each.detail }));
  return [{ what, outcome, detail }, ...below];
}

function conclusion(identity: ExplainedIdentity["identity"]): string {
  if ("problem" in identity) return paint(["red", "bold"], `nobody (${identity.problem}): ${identity.message}`);
  const { principal, endsMs } = identity;
  return paint(["green", "bold"], `${formatPrincipal(principal)} until ${new Date(endsMs).toISOString()}`);
}

type Style = Parameters<typeof styleText>[0];

function styleOf(row: Row | undefined): Style | undefined {
  if (row?.outcome === "refused") return "red";
  return row?.outcome === "not asked" || row?.outcome === "does not apply" ? "dim" : undefined;
}

function paint(style: Style | undefined, text: string): string {
  const isColoured = process.stdout.isTTY && process.stdout.hasColors();
  return isColoured && style !== undefined && text !== "" ? styleText(style, text) : text;
}
