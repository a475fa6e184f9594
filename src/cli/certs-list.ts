/** `aclog certs list`: what was issued, until when, and what of it is revoked. */
import type { Command } from "commander";
import { join } from "node:path";
import type { AuthorityHolding, Holding } from "../pki/index.js";
import { addFolder, lookingIn, parseWithin, shownTime } from "./certs-flags.js";
import { print } from "./output.js";
import { table } from "./table.js";
import { counted } from "./units.js";

interface ListFlags {
  readonly dir: string;
  readonly expiringWithin?: number;
  readonly json?: true;
}

const dayMs = 86_400_000;

export function addListCertificates(certs: Command): void {
  const list = certs
    .command("list")
    .summary("list what was issued, and when it ends")
    .description(
      "List the authorities of a folder and the certificates that they issued: who, until when, and whether revoked. Certificates " +
        "of other authorities are not known here.",
    );
  addFolder(list)
    .option(
      "--expiring-within <DAYS>",
      "only what is in use and ends so soon, or has ended; exit with 1 if any does",
      parseWithin,
    )
    .option("--json", "print one object")
    .addHelpText("after", "\nExamples:\n  aclog certs list\n  aclog certs list --expiring-within 30")
    .action(run);
}

async function run({ dir, expiringWithin, json }: ListFlags): Promise<void> {
  const { expiring, holdingsIn, whoIs } = await import("../pki/index.js");
  const holdings = await lookingIn(dir, holdingsIn(dir));
  const isWanted = ({ notAfter }: AuthorityHolding) =>
    expiringWithin === undefined || notAfter.getTime() <= Date.now() + expiringWithin * dayMs;
  const authorities = holdings.authorities.filter(isWanted);
  const issued = holdings.certificates.filter(
    (each) => !holdings.authorities.some((authority) => isItself(authority, each)),
  );
  const certificates = expiringWithin === undefined ? issued : expiring(issued, expiringWithin);
  if (expiringWithin !== undefined && authorities.length + certificates.length > 0) process.exitCode = 1;
  if (json) {
    const described = {
      authorities: authorities.map((each) => describeAuthority(dir, each)),
      certificates: certificates.map((each) => describe(dir, whoIs(each), each)),
    };
    return print(`${JSON.stringify(described)}\n`);
  }
  const rows = [
    ...authorities.map(rowOfAuthority),
    ...certificates.map((each) => ({ who: whoIs(each), ...each, state: stateOf(each) })),
  ];
  const columns = [
    { head: "who", cell: (row: Row) => row.who },
    { head: "state", cell: (row: Row) => row.state },
    { head: "ends", cell: (row: Row) => shownTime(row.notAfter) },
    { head: "days", isNumber: true as const, cell: (row: Row) => `${daysLeft(row.notAfter)}` },
    { head: "serial", cell: (row: Row) => row.serial },
    { head: "issuer", cell: (row: Row) => row.issuer },
    { head: "file", cell: (row: Row) => row.file ?? "" },
  ];
  const none =
    expiringWithin === undefined ? "no certificates" : `nothing ends within ${counted(expiringWithin, "day")}`;
  await print(await table(columns, rows, none));
}

type Row = Pick<Holding, "notAfter" | "serial" | "issuer" | "file"> & { readonly who: string; readonly state: string };

/** An authority below another was issued, too. */
function isItself({ certificate: { serialNumber } }: AuthorityHolding, { serial }: Holding): boolean {
  return serialNumber === serial;
}

function rowOfAuthority({ name, issuer, notAfter, certificate, stem, list }: AuthorityHolding): Row {
  const state = list?.nextUpdate === undefined ? "authority" : `authority, list until ${shownTime(list.nextUpdate)}`;
  return { who: name, state, notAfter, serial: certificate.serialNumber, issuer, file: `${stem}.crt` };
}

function describeAuthority(dir: string, { name, issuer, notAfter, certificate, stem, list }: AuthorityHolding): object {
  const file = join(dir, `${stem}.crt`);
  return { name, issuer, serial: certificate.serialNumber, notAfter, daysLeft: daysLeft(notAfter), file, list };
}

/** As the other commands write it: files are where they are from here. */
function describe(dir: string, who: string, { file, ...holding }: Holding): object {
  const path = file === undefined ? undefined : join(dir, file);
  return { who, ...holding, file: path, daysLeft: daysLeft(holding.notAfter) };
}

function stateOf({ state, revoked }: Holding): string {
  return revoked === undefined ? state : `revoked, ${revoked.reason}`;
}

function daysLeft(notAfter: Date): number {
  return Math.floor((notAfter.getTime() - Date.now()) / dayMs);
}
