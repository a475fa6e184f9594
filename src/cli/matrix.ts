/** `aclog matrix`: tries on the wire what a policy's matrix states, against a server of its own or one that runs. */
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { styleText } from "node:util";
import { type Command, Option } from "commander";
import { type Address, formatAddress } from "../address.js";
import type { ConfigFlags } from "../config/index.js";
import { configVariable } from "../config/settings.js";
import { type Finding, OperatorError } from "../errors.js";
import type { MatrixReport, OutsideOptions } from "../matrix/index.js";
import type { Paint } from "../review/index.js";
import { parsePath, parseServer } from "./arguments.js";
import { withBar } from "./bar.js";
import { defaultCertificates } from "./connection.js";
import { CallFailure } from "./failure.js";
import { print } from "./output.js";
import { untilStopped } from "./stop-signal.js";
import { tryToWrite, whyUnwritable } from "./unwritable.js";

/** Each thread that tries the axes takes some 200 MB. */
const maxThreads = 8;

interface MatrixFlags {
  readonly config?: string;
  readonly policy?: string;
  readonly address?: Address;
  readonly certs?: string;
  readonly clients?: string;
  readonly ca?: string;
  readonly caKey?: string | false;
  readonly cert?: string;
  readonly key?: string;
  readonly crl?: string;
  readonly identity?: string;
  readonly pairs?: true;
  readonly full?: true;
  readonly junit?: string;
  readonly html?: string;
  readonly json?: true;
}

export function addMatrix(program: Command): void {
  program
    .command("matrix")
    .summary("try on the wire what a policy's matrix states")
    .description(
      "Try on the wire what a policy's matrix.csv states: start a server with that policy and no data, connect as each " +
        "principal with its certificate, do what each row speaks about, and see to it that a refusal left nothing behind; " +
        "also as callers who must not get in at all. With --pairs or --full also try who gets in with what, who may do what, " +
        "and what ends when, such as streams whose certificate is revoked. A server that is running and its data are not " +
        "touched. With --address, try instead a server that is running, from outside, by calls that come to nothing: nothing is " +
        "stored, changed or removed there, and no record is read. Exits with 1 if anything is not as it must be, or cannot be tried.",
    )
    .option(
      "--config <FILE>",
      `YAML with the settings of the server (${configVariable}); the options here count more`,
      parsePath,
    )
    // Defaults are only told: one that commander filled in would look like an option and override the file.
    .option(
      "--policy <DIR>",
      "the folder of model.conf, policy.csv, tenants.yaml and matrix.csv (default: policy)",
      parsePath,
    )
    .addOption(
      new Option("--address <HOST:PORT>", "the server that runs there, in place of one of its own")
        .argParser(parseServer)
        .conflicts(["pairs", "full", "cert", "key", "crl", "identity"]),
    )
    .option("--certs <DIR>", "where the certificates are (default: beside the settings' ca, else certs)", parsePath)
    .option("--clients <DIR>", "TENANT/NAME.crt and .key of the clients (default: clients in --certs)", parsePath)
    .option(
      "--ca <FILE>",
      "authorities that vouch for clients, and for the server at --address (default: ca.crt in --certs)",
      parsePath,
    )
    .option("--ca-key <FILE>", "the authority's key (default: ca.key in --certs)", parsePath)
    .option("--no-ca-key", "do without it, and leave out whoever it would have to sign for")
    .option("--cert <FILE>", "the server's certificate (default: server.crt in --certs)", parsePath)
    .option("--key <FILE>", "the server's private key (default: server.key in --certs)", parsePath)
    .option(
      "--crl <PATH>",
      "revocation lists, as the server has them: a file or a folder (default: those in --certs, unless --ca is given)",
      parsePath,
    )
    .option("--identity <FILE>", "rules by which names are read from certificates, if the server has some", parsePath)
    .addOption(
      new Option(
        "--pairs",
        "also every pair of credential, method, topic and moment, under a small policy of its own",
      ).conflicts("full"),
    )
    .option("--full", "the same with every combination, and not only every pair: takes long")
    .option("--junit <FILE>", "write a JUnit report there too, for CI", parsePath)
    .option("--html <FILE>", "write a page there too, for an auditor", parsePath)
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog matrix --policy ./policy --certs ./certs\n  aclog matrix --pairs --html matrix.html --junit matrix.xml" +
        "\n  aclog matrix --config aclog.yaml\n  aclog matrix --address localhost:8400",
    )
    .action((flags: MatrixFlags) => matrix(flags));
}

async function matrix(flags: MatrixFlags): Promise<void> {
  const { address, json, junit, html, full, pairs } = flags;
  const { loadConfig } = await import("../config/index.js");
  const { policyDir, tls } = await loadConfig({ flags: settingsIn(flags), env: process.env });
  const { formatReport, matrixAsHtml, matrixAsJunit, reportObject, runMatrix } = await import("../matrix/index.js");
  await checkPlaces([junit, html]);
  const { ca, crl } = tls;
  const certs = flags.certs ?? (flags.ca === undefined ? dirname(ca) : defaultCertificates);
  const certificates = {
    clients: flags.clients ?? join(certs, "clients"),
    ca,
    caKey: flags.caKey === false ? undefined : (flags.caKey ?? join(certs, "ca.key")),
  };
  const server = { ...tls, crl: crl?.path };
  const axes = full ? ("all" as const) : pairs ? ("pairs" as const) : undefined;
  await untilStopped(async (signal) => {
    const report = await withBar("cells", (onProgress) => {
      const options = { policyDir, certificates, signal, onProgress };
      const threads = Math.min(availableParallelism(), maxThreads);
      return address === undefined
        ? runMatrix({ ...options, server, axes, threads })
        : tryOutside({ ...options, address });
    });
    if (!report.ok) process.exitCode = 1;
    const unwritten = [
      ...(junit === undefined ? [] : await write(junit, matrixAsJunit(report))),
      ...(html === undefined ? [] : await write(html, matrixAsHtml(report))),
    ];
    await print(json ? `${JSON.stringify(reportObject(report))}\n` : formatReport(report, paint));
    // Only now: what took an hour to try must not be lost for a full disk.
    if (unwritten.length > 0) throw new OperatorError("not every report could be written:", unwritten);
  });
}

/** As settings of the server. What is in --certs is given with it. */
function settingsIn({ config, policy, certs, ca, cert, key, crl, identity }: MatrixFlags): ConfigFlags {
  const at = (name: string): string | undefined => (certs === undefined ? undefined : join(certs, name));
  const settings = {
    config,
    policy,
    ca: ca ?? at("ca.crt"),
    cert: cert ?? at("server.crt"),
    key: key ?? at("server.key"),
    // As the server has it: beside authorities that nobody has named.
    crl: crl ?? (ca === undefined ? certs : undefined),
    identity,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, text]) => text !== undefined));
}

/** @throws OperatorError when a report could not be written: nobody should have to try everything once more for a mistyped name */
async function checkPlaces(paths: readonly (string | undefined)[]): Promise<void> {
  const findings: Finding[] = [];
  for (const path of paths) {
    if (path === undefined) continue;
    await tryToWrite(path).catch((error: unknown) => {
      findings.push({ source: path, problem: `${whyUnwritable(error)}; name a file in a folder that is there` });
    });
  }
  if (findings.length > 0)
    throw new OperatorError("nothing was tried, for not every report could be written:", findings);
}

/** What is wrong if it cannot be written. */
async function write(path: string, report: string): Promise<readonly Finding[]> {
  try {
    await writeFile(path, report);
    return [];
  } catch (error) {
    return [{ source: path, problem: whyUnwritable(error) }];
  }
}

async function tryOutside(options: OutsideOptions): Promise<MatrixReport> {
  const [{ runMatrixOutside }, { CallError }] = await Promise.all([
    import("../matrix/index.js"),
    import("../client/index.js"),
  ]);
  try {
    return await runMatrixOutside(options);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const { ca, clients } = options.certificates;
    const files = { ca, cert: join(clients, "TENANT", "NAME.crt") };
    throw new CallFailure(error, formatAddress(options.address), { hasBegun: false }, files);
  }
}

const styles = { good: "green", quiet: "dim", bad: ["red", "bold"], head: "bold" } as const;

const paint: Paint = (kind, text) => {
  const isColoured = process.stdout.isTTY && process.stdout.hasColors();
  // styleText takes a list of styles, and its types a mutable one.
  return isColoured ? styleText([...[styles[kind]].flat()], text) : text;
};
