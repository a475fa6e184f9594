/** `aclog connections`: who is connected to a server, and with which certificate. */
import { type Command, Option } from "commander";
import type { CallError, Client, ConnectionInfo } from "../client/index.js";
import { formatPrincipal, type Principal } from "../names.js";
import { parseCount, parseTenant, parseWhom } from "./arguments.js";
import { addConnectionOptions, callerOf, type ConnectionFlags, withClient } from "./connection.js";
import { print } from "./output.js";
import { table, type Column } from "./table.js";
import { visibleJson } from "./terminal.js";
import { roughAge, roughDuration } from "./units.js";

interface Flags extends ConnectionFlags {
  readonly tenant?: string;
  readonly principal?: Principal;
  readonly expiringWithin?: number;
  readonly json?: true;
}

const dayMs = 24 * 3_600_000;

export function addConnections(program: Command): void {
  const connections = program
    .command("connections")
    .summary("show who is connected to a server, and with which certificate")
    .description(
      "Show who is connected to a server: from where, since when, with which certificate, for how long that is still " +
        "good, and which calls are open; the newest connection first. It takes the action admin on connections in " +
        "_system; with --tenant or --principal, in that tenant is enough.",
    )
    .addOption(new Option("--tenant <TENANT>", "only this tenant's principals").argParser(parseTenant))
    .addOption(new Option("--principal <TENANT/NAME>", "only this one").argParser(parseWhom))
    .addOption(
      new Option("--expiring-within <DAYS>", "only certificates that end by then, the first to end first").argParser(
        parseCount,
      ),
    )
    .option("--json", "print one object for each connection");
  addConnectionOptions(connections)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog connections --as ops/root\n" +
        "  aclog connections --as ops/root --expiring-within 30\n" +
        "  aclog connections --as acme/root --tenant acme --json",
    )
    .action(showConnections);
}

async function showConnections(flags: Flags): Promise<void> {
  const { tenant, expiringWithin: days, json } = flags;
  const principal = flags.principal && formatPrincipal(flags.principal);
  const ending = days === undefined ? {} : ({ endsWithinMs: days * dayMs, order: "endsFirst" } as const);
  const show = async (client: Client): Promise<void> => {
    const found: ConnectionInfo[] = [];
    for await (const each of client.connections.list({ tenant, principal, ...ending, pageSize: 250 })) {
      if (json) await print(`${toJson(each)}\n`);
      else found.push(each);
    }
    if (!json) await print(await table(columns, found, "no such connections"));
  };
  await withClient(flags, show, (call) => ({ hasBegun: false, hint: narrower(call, flags) }));
}

/** What is open to an administrator of one tenant, who was refused everybody's. */
function narrower({ codeName }: CallError, flags: Flags): string | undefined {
  if (codeName !== "PERMISSION_DENIED" || flags.tenant !== undefined || flags.principal !== undefined) return undefined;
  const tenant = callerOf(flags)?.tenant ?? "TENANT";
  return `With --tenant ${tenant} it lists that tenant's connections alone, for which admin on connections there is enough.`;
}

const columns: readonly Column<ConnectionInfo>[] = [
  { head: "principal", cell: ({ principal }) => principal },
  { head: "from", cell: ({ peer }) => peer },
  { head: "connected", isNumber: true, cell: ({ sinceMs }) => roughAge(sinceMs) },
  { head: "serial", cell: ({ certificate }) => certificate.serial },
  { head: "issuer", cell: ({ certificate }) => certificate.issuer },
  { head: "ends in", isNumber: true, cell: ({ certificate }) => roughDuration(certificate.endsMs - Date.now()) },
  { head: "calls", cell: openCalls },
];

/** `2 ConsumeStream, 1 ProduceStream` */
function openCalls({ calls }: ConnectionInfo): string {
  return calls.map(({ method, count }) => `${count} ${method.slice(method.lastIndexOf("/") + 1)}`).join(", ");
}

/** As the other commands write it: times as text, and what kind of fingerprint it is. */
function toJson({ id, principal, peer, sinceMs, certificate, ...rest }: ConnectionInfo): string {
  const since = new Date(sinceMs).toISOString();
  const { endsMs, fingerprint: fingerprint256, ...names } = certificate;
  const described = { ...names, fingerprint256, ends: new Date(endsMs).toISOString() };
  return visibleJson(JSON.stringify({ id, principal, peer, since, certificate: described, ...rest }));
}
