/** `aclog backup` and `aclog restore`: a copy of a data directory, made while it is served, and a data directory of it. */
import { Argument, type Command } from "commander";
import type { BackupFinding, BackupManifest, BackupProgress, BackupReport } from "../node/backups.js";
import { parsePath } from "./arguments.js";
import { print } from "./output.js";
import { Progress } from "./progress.js";
import { untilStopped } from "./stop-signal.js";
import { table, type Column } from "./table.js";
import { counted, exactSize, grouped } from "./units.js";

interface BackupFlags {
  readonly data: string;
  readonly verify?: true;
  readonly json?: true;
}

export function addBackup(program: Command): void {
  program
    .command("backup")
    .summary("copy a data directory, also while it is served")
    .description(
      "Copy a data directory, also while a server writes to it: all that was acknowledged before is in the copy. It runs " +
        "on the same machine and only reads. The copy has its name only when it is whole and on disk. With --verify, " +
        "check a backup that is there instead, and list what is not as it was written. Exits with 1 if it failed, or something " +
        "is not.",
    )
    .addArgument(new Argument("<DIR>", "where to; it must not be there yet").argParser(parsePath))
    .option("--data <DIR>", "where the server stores (ACLOG_DATA)", parsePath, process.env["ACLOG_DATA"] || "./data")
    .option("--verify", "check every file of the backup at DIR instead of making one")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog backup /backups/aclog-2026-11-21 --data ./data\n  aclog backup /backups/aclog-2026-11-21 --verify",
    )
    .action(backup);
  program
    .command("restore")
    .summary("make a data directory of a backup")
    .description(
      "Make a data directory of a backup, to be served. Every checksum is compared before anything is written. A directory " +
        "that is not empty is refused, and one that was cut short is not served.",
    )
    .addArgument(new Argument("<DIR>", "the backup").argParser(parsePath))
    .requiredOption("--data <DIR>", "the data directory to make", parsePath)
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog restore /backups/aclog-2026-11-21 --data ./restored")
    .action(restore);
}

async function backup(path: string, { data, verify, json }: BackupFlags): Promise<void> {
  if (verify) {
    await verifyBackup(path, json);
    return;
  }
  const { backUp } = await import("../node/backups.js");
  await withProgress(async (options) => {
    const manifest = await backUp(data, path, options);
    await report(manifest, `${data} is copied to ${path}`, { backup: path, data }, json);
  });
}

async function verifyBackup(path: string, json: true | undefined): Promise<void> {
  const { examineBackup } = await import("../node/backups.js");
  let found: BackupReport | undefined;
  await withProgress(async (options) => {
    found = await examineBackup(path, options);
  });
  if (found === undefined) return;
  const { manifest, counts, findings } = found;
  const ok = findings.length === 0;
  if (!ok) process.exitCode = 1;
  if (ok || json) await report(manifest, `${path} is whole`, { ok, backup: path, ...counts, findings }, json);
  else await print(`${await table(columns, findings, "")}\n${verdict(path, found)}\n`);
}

const columns: readonly Column<BackupFinding>[] = [
  { head: "file", cell: ({ path }) => path },
  { head: "found", cell: ({ problem }) => problem },
];

function verdict(path: string, { counts: { wrong, missing, extra }, findings }: BackupReport): string {
  const all = wrong + missing + extra;
  const listed = findings.length < all ? `; the first ${grouped(findings.length)} of them are listed` : "";
  const kinds = `${grouped(wrong)} wrong, ${grouped(missing)} missing, ${grouped(extra)} extra`;
  return `${path} is not as it was written: ${counted(all, "file")}, ${kinds}${listed}. It cannot be restored.`;
}

async function restore(path: string, { data, json }: BackupFlags): Promise<void> {
  const { restoreBackup } = await import("../node/backups.js");
  await withProgress(async (options) => {
    const manifest = await restoreBackup(path, data, options);
    await report(manifest, `${path} is restored to ${data}`, { backup: path, data }, json);
  });
}

async function report(manifest: BackupManifest, what: string, places: object, json: true | undefined): Promise<void> {
  const { bytesOf } = await import("../node/backups.js");
  const { topics, files, createdMs } = manifest;
  const bytes = bytesOf(manifest);
  const created = new Date(createdMs).toISOString();
  if (json) await print(`${JSON.stringify({ ok: true, ...places, created, topics, files: files.length, bytes })}\n`);
  else {
    const contents = `${grouped(topics)} topics, ${grouped(files.length)} files, ${exactSize(bytes)}, of ${created}`;
    await print(`${what}: ${contents}\n`);
  }
}

/** Shows how far the work is, and lets a signal end it in good order. */
async function withProgress(
  work: (options: { signal: AbortSignal; onProgress: (progress: BackupProgress) => void }) => Promise<void>,
): Promise<void> {
  using progress = await Progress.start("files");
  await untilStopped((signal) =>
    work({
      signal,
      onProgress: ({ files, bytes, fraction }) => progress.update({ records: files, bytes, fraction }),
    }),
  );
}
