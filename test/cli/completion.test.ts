import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, test } from "vitest";
import { run } from "./command.js";

let bash: string;

beforeAll(async () => {
  bash = await scriptFor("bash");
});

async function scriptFor(shell: string): Promise<string> {
  const { code, stdout, stderr } = await run(["completion", shell]);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

/** What bash offers in the place of the last word; how it would complete files, where it would. */
async function offered(...words: string[]): Promise<string[]> {
  const ask =
    `${bash}\ncompopt() { printf '%s\\n' "$*"; }\n` +
    `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _aclog; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", ask, "bash", ...words]);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}

const completed = [
  // words                                                        offered
  [["aclog", "to"], ["topics"]],
  [
    ["./aclog", "con"],
    ["consume", "connections"],
  ],
  [
    ["aclog", "topics", "de"],
    ["describe", "delete"],
  ],
  [
    ["aclog", "topics", "update", "orders", "--ret"],
    ["--retention", "--retention-bytes", "--retention-records"],
  ],
  [["aclog", "topics", "update", "orders", "--no"], ["--no-compact"]],
  [
    ["aclog", "import", "--format", ""],
    ["lines", "json"],
  ],
  [["aclog", "import", "--format", "=", "j"], ["json"]],
  [
    ["aclog", "import", "--format", "="],
    ["lines", "json"],
  ],
  [
    ["aclog", "log", "re"],
    ["repair", "reindex"],
  ],
  [["aclog", "log", "verify", "--data", ""], ["-o dirnames"]],
  [["aclog", "log", "dump", ""], ["-o default"]],
  [["aclog", "completion", "z"], ["zsh"]],
  [["aclog", "help", "pol"], ["policy"]],
  [["aclog", "topics", "help", "l"], ["list"]],
  // The value of a flag is no command, even if it has the name of one.
  [["aclog", "produce", "--topic", "topics", "--exp"], ["--expected-offset"]],
  [["aclog", "produce", "--topic", ""], []],
  [["aclog", "produce", "--file", ""], ["-o default"]],
  [["aclog", "consume", "--certs", ""], ["-o dirnames"]],
  [["aclog", "import", ""], ["-o default"]],
  [["aclog", "import", "--rec"], ["--record-key"]],
  [["aclog", "nosuch", "--nosuch"], []],
] as const;
for (const [words, expected] of completed) {
  test(`bash offers ${JSON.stringify(expected)} for ${words.join(" ")}`, async () => {
    assert.deepEqual(await offered(...words), expected);
  });
}

for (const command of [[], ["import"], ["topics", "create"], ["offsets", "commit"], ["serve"]]) {
  test(`bash offers every flag that aclog ${command.join(" ")} --help lists`, async () => {
    const { stdout } = await run([...command, "--help"]);
    const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag);
    assert.ok(flags.length > 1);
    assert.deepEqual(new Set(await offered("aclog", ...command, "--")), new Set(flags));
  });
}

test("what was typed is not evaluated while somebody completes", async () => {
  assert.deepEqual(await offered("aclog", "produce", "--value", "$(echo evaluated >&2)", "`echo too >&2`", "--fi"), [
    "--file",
  ]);
});

for (const shell of ["zsh", "fish"]) {
  test.runIf(spawnSync(shell, ["--version"]).status === 0)(`${shell} takes its script`, async () => {
    const script = await scriptFor(shell);
    assert.equal(execFileSync(shell, ["-n", "-c", script], { encoding: "utf8" }), "");
  });
}

test.runIf(spawnSync("fish", ["--version"]).status === 0)(
  "fish completes commands, flags and their values",
  async () => {
    const script = await scriptFor("fish");
    const offers = (line: string) =>
      execFileSync("fish", ["-N", "-c", `${script}\ncomplete -C ${JSON.stringify(line)}`], { encoding: "utf8" })
        .split("\n")
        .map((each) => each.replace(/\t.*/, ""))
        .filter((each) => each !== "");
    assert.deepEqual(offers("aclog topics de"), ["delete", "describe"]);
    assert.deepEqual(offers("aclog produce --topic topics --exp"), ["--expected-offset"]);
    assert.deepEqual(offers("aclog import --format "), ["json", "lines"]);
  },
);

test("another shell is refused, with those that there are", async () => {
  const { code, stderr } = await run(["completion", "tcsh"]);
  assert.equal(code, 2);
  assert.match(stderr, /Allowed choices are bash, zsh, fish/);
});
