/** Says on standard error what is being done: on a terminal in one line that changes, else a line for each row. */

export function progressOf({ quiet }) {
  const terminal = process.stderr.isTTY;
  let row = "";
  return {
    /** A new row has begun. */
    row(name, at, of) {
      row = `[${at}/${of}] ${name}`;
      if (!terminal && !quiet) process.stderr.write(`${row}\n`);
    },
    /** Something within it. */
    step(what) {
      if (terminal) process.stderr.write(`\r\x1b[2K${`${row}: ${what}`.slice(0, process.stderr.columns - 1)}`);
    },
    /** Something that stays to be read. */
    say(line) {
      if (terminal) process.stderr.write(`\r\x1b[2K${line}\n`);
      else if (!quiet) process.stderr.write(`${line}\n`);
    },
    end() {
      if (terminal) process.stderr.write("\r\x1b[2K");
    },
  };
}
