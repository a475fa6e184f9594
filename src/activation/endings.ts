import { type PolicyFileName, type PolicyFiles, policyFileNames } from "../authz/index.js";

/**
 * How a file ends, from what says least about its being whole to what says most: with nothing in it, in the middle of a line,
 * with a line, with the line `# end`.
 */
export const endings = ["empty", "open", "line", "marker"] as const;
export type Ending = (typeof endings)[number];
export type Endings = Readonly<Partial<Record<PolicyFileName, Ending>>>;

const newline = 0x0a;
const marker = Buffer.from("# end\n");

/** How the files end; one that is missing does not. */
export function endingsOf({ files }: PolicyFiles): Endings {
  const known = policyFileNames.map((name) => [name, files[name].bytes] as const);
  return Object.fromEntries(known.flatMap(([name, bytes]) => (bytes === undefined ? [] : [[name, endingOf(bytes)]])));
}

/** Notes as a mistake where a file seems to be cut short: it ends with less than the one in force. */
export function refuseCutFiles(policy: PolicyFiles, inForce: Endings): void {
  const found = endingsOf(policy);
  for (const name of policyFileNames) {
    const [needed, ending] = [inForce[name], found[name]];
    if (needed === undefined || ending === undefined || endings.indexOf(ending) >= endings.indexOf(needed)) continue;
    policy.files[name].findings.error({}, `${problems[ending]}, unlike the one in force: it may have been cut short`);
  }
}

const problems: Readonly<Record<Ending, string>> = {
  empty: "this file is empty",
  open: "the last line of this file has no end",
  line: "the last line of this file is not # end",
  marker: "",
};

function endingOf(bytes: Buffer): Ending {
  if (bytes.length === 0) return "empty";
  if (bytes.at(-1) !== newline) return "open";
  const isMarked = bytes.subarray(-marker.length).equals(marker);
  const isLine = bytes.length === marker.length || bytes.at(-marker.length - 1) === newline;
  return isMarked && isLine ? "marker" : "line";
}
