/** What a campaign is told on its command line, says while it runs, and at the end. */
import { parseArgs } from "node:util";

/** `{ cycles, seed, json }`. Prints `help` and ends if it is asked for; ends with 2 on what is no flag here. */
export function flagsOf(name, help, defaults) {
  const options = {
    cycles: { type: "string", default: `${defaults.cycles}` },
    seed: { type: "string", default: `${Date.now() % 1_000_000_000}` },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  };
  const wrong = (problem) => {
    process.stderr.write(`${name}: ${problem}\n\n${help}`);
    process.exit(2);
  };
  let flags;
  try {
    flags = parseArgs({ options }).values;
  } catch (error) {
    wrong(error.message.split(". ", 1)[0]);
  }
  if (flags.help) {
    process.stdout.write(help);
    process.exit();
  }
  if (!/^[1-9]\d{0,5}$/.test(flags.cycles))
    wrong(`--cycles needs a whole number above 0, not ${JSON.stringify(flags.cycles)}`);
  return { cycles: Number(flags.cycles), seed: flags.seed, json: flags.json };
}

/** One line that changes on a terminal; else a line now and then, and none with --json. */
export function progressOf(name, cycles, { json }) {
  const terminal = process.stderr.isTTY;
  return (cycle, { acked, read, lost, altered, duplicated, other }) => {
    if (json) return;
    const broken = lost + altered + duplicated + other;
    const line = `${name}: ${cycle}/${cycles} crashes, ${acked} records acknowledged, ${read} read, ${broken} promises broken`;
    if (terminal)
      process.stderr.write(`\r\x1b[2K${line.slice(0, process.stderr.columns - 1)}${cycle === cycles ? "\n" : ""}`);
    else if (cycle % 25 === 0 || cycle === cycles) process.stderr.write(`${line}\n`);
  };
}

/** Ctrl-C, or SIGTERM: the campaign ends behind the crash under way, and takes away what it made. A second one ends it at once. */
export function obeyStopSignals(name, campaign) {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      process.stderr.write(`\n${name}: stopping behind this crash, and checking everything once more\n`);
      campaign.stop();
    });
  }
}

/** The figures as text, one to a line. */
export function tableOf(figures) {
  const text = (value) =>
    typeof value === "object"
      ? Object.entries(value)
          .map(([name, count]) => `${count} ${name}`)
          .join(", ")
      : `${value}`;
  return Object.entries(figures)
    .map(([name, value]) => `  ${name.padEnd(14)} ${text(value)}\n`)
    .join("");
}

/** Prints the figures and what was found; gives the exit code. */
export function report(name, { figures, findings, evidence }, { json }) {
  if (json) process.stdout.write(`${JSON.stringify({ figures, findings, evidence }, undefined, 2)}\n`);
  else {
    process.stdout.write(`${name}\n${tableOf(figures)}`);
    for (const { kind, text } of findings) process.stdout.write(`${kind}: ${text}\n`);
    if (evidence !== undefined) process.stdout.write(`What is left of it is in ${evidence}\n`);
  }
  return findings.length === 0 ? 0 : 1;
}
