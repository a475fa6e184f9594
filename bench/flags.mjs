/** What a bench is told on its command line. */
import { parseArgs } from "node:util";

/** The flags' values. Prints `help` and ends if it is asked for; ends with 2 on what is no flag here. */
export function flagsOf(options, help) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } });
    if (!values.help) return values;
  } catch (error) {
    // Node's first sentence says what is wrong; the rest is about arguments, and no bench takes any.
    fail(error.message.split(". ", 1)[0], help);
  }
  process.stdout.write(help);
  process.exit();
}

/** The number that a flag was given. Ends with 2 unless it is above 0. */
export function positive(name, text) {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  fail(`--${name} needs a number above 0, not ${JSON.stringify(text)}`);
}

/** Says what is wrong with the flags, and ends. */
export function fail(problem, help) {
  process.stderr.write(`bench: ${problem}\n${help === undefined ? "" : `\n${help}`}`);
  process.exit(2);
}
