import { parseAddress } from "../../src/address.js";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import {
  defaultLimits,
  loadConfig,
  settings,
  variableOf,
  type Config,
  type ConfigFlags,
} from "../../src/config/index.js";
import { OperatorError, WrongSettings, type Finding } from "../../src/errors.js";

let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aclog-config-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** Loads with `yaml` as the file, if there is one. */
async function load(sources: { flags?: ConfigFlags; env?: NodeJS.ProcessEnv; yaml?: string }): Promise<Config> {
  const { flags = {}, env = {}, yaml } = sources;
  if (yaml === undefined) return loadConfig({ flags, env });
  const config = join(directory, `${files++}.yaml`);
  await writeFile(config, yaml);
  return loadConfig({ flags: { ...flags, config }, env });
}

/** What is wrong with it, the file's path cut short. */
async function mistakes(sources: Parameters<typeof load>[0]): Promise<Finding[]> {
  try {
    await load(sources);
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    return error.findings.map((finding) => ({ ...finding, source: finding.source.replace(/^.*\/\d+\.yaml$/, "yaml") }));
  }
  throw new assert.AssertionError({ message: "it was accepted" });
}

test("nothing given means the defaults, and the result cannot be changed", async () => {
  const config = await load({});
  assert.deepEqual(config, {
    listen: { host: "127.0.0.1", port: 8400 },
    adminListen: { host: "127.0.0.1", port: 8401 },
    dataDir: "./data",
    policyDir: "./policy",
    breakGlass: undefined,
    tls: {
      ca: "certs/ca.crt",
      cert: "certs/server.crt",
      key: "certs/server.key",
      crl: { path: "certs", isOptional: true },
      crlExpired: "refuse",
      identity: undefined,
    },
    reflection: false,
    readyFile: undefined,
    drainMs: 10_000,
    limits: {
      maxConnections: 10_000,
      maxConcurrentStreams: 256,
      keepaliveMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      maxConnectionAgeMs: Infinity,
      maxConnectionAgeGraceMs: 60_000,
      maxConnectionIdleMs: 1_800_000,
    },
    metricsTenants: false,
    logLevel: "info",
  });
  assert.deepEqual(config.limits, defaultLimits);
  for (const part of [config, config.listen, config.adminListen, config.tls, config.limits])
    assert.ok(Object.isFrozen(part));
});

const everything = {
  listen: "[::1]:0",
  "admin-listen": "probe.example:9",
  data: "d",
  policy: "p",
  "break-glass": "ops/root",
  ca: "a",
  cert: "c",
  key: "k",
  crl: "l",
  "crl-expired": "accept",
  identity: "i",
  reflection: "true",
  "ready-file": "r",
  "drain-ms": "0",
  "keepalive-ms": "1",
  "keepalive-timeout-ms": "2",
  "max-connection-age-ms": "604800000",
  "max-connection-age-grace-ms": "0",
  "max-connection-idle-ms": "0",
  "max-concurrent-streams": "3",
  "max-connections": "4",
  "metrics-tenants": "true",
  "log-level": "debug",
} as const;
const expected: Config = {
  listen: { host: "::1", port: 0 },
  adminListen: { host: "probe.example", port: 9 },
  dataDir: "d",
  policyDir: "p",
  breakGlass: { tenant: "ops", name: "root" },
  tls: { ca: "a", cert: "c", key: "k", crl: { path: "l", isOptional: false }, crlExpired: "accept", identity: "i" },
  reflection: true,
  readyFile: "r",
  drainMs: 0,
  limits: {
    maxConnections: 4,
    maxConcurrentStreams: 3,
    keepaliveMs: 1,
    keepaliveTimeoutMs: 2,
    maxConnectionAgeMs: 604_800_000,
    maxConnectionAgeGraceMs: 0,
    maxConnectionIdleMs: Infinity,
  },
  metricsTenants: true,
  logLevel: "debug",
};
const sourcesOfEverything = {
  flags: { flags: everything },
  environment: {
    env: Object.fromEntries(Object.entries(everything).map(([name, text]) => [variableOf(name as never), text])),
  },
  file: {
    yaml: Object.entries(everything)
      .map(([name, text]) => (name === "listen" ? `${name}: "${text}"` : `${name}: ${text}`))
      .join("\n"),
  },
};
for (const [source, given] of Object.entries(sourcesOfEverything)) {
  test(`every setting can be given by ${source}`, async () => {
    assert.deepEqual(Object.keys(everything), Object.keys(settings));
    assert.deepEqual(await load(given), expected);
  });
}

const precedence = [
  // flag       variable   file      counts
  ["flag", "variable", "file", "flag"],
  [undefined, "variable", "file", "variable"],
  [undefined, undefined, "file", "file"],
  ["flag", undefined, "file", "flag"],
  ["flag", "variable", undefined, "flag"],
  [undefined, undefined, undefined, "./data"],
] as const;
for (const [flag, variable, file, counts] of precedence) {
  test(`of flag ${flag ?? "-"}, variable ${variable ?? "-"} and file ${file ?? "-"}, ${counts} counts`, async () => {
    const config = await load({
      flags: flag === undefined ? {} : { data: flag },
      env: variable === undefined ? {} : { ACLOG_DATA: variable },
      ...(file === undefined ? {} : { yaml: `data: ${file}` }),
    });
    assert.equal(config.dataDir, counts);
  });
}

test("the file can be named by ACLOG_CONFIG, and --config counts more", async () => {
  const [named, other] = [join(directory, "named.yaml"), join(directory, "other.yaml")];
  await writeFile(named, "data: named");
  await writeFile(other, "data: other");
  assert.equal((await load({ env: { ACLOG_CONFIG: named } })).dataDir, "named");
  assert.equal((await load({ env: { ACLOG_CONFIG: named }, flags: { config: other } })).dataDir, "other");
});

test("every mistake in every source is reported at once, with its place", async () => {
  assert.deepEqual(
    await mistakes({
      flags: { listen: "nowhere", "log-level": "loud", "drain-ms": "1e3" },
      env: { ACLOG_ADMIN_LISTEN: "::1:8401", ACLOG_LISTNE: "x", ACLOG_REFLECTION: "yes", PATH: "/bin" },
      yaml: "data: ok\npolcy: p\n\n  # a comment\nreflection: 1\nlisten: ok:70000\n",
    }),
    [
      { source: "yaml", line: 2, column: 1, problem: 'unknown setting "polcy"; did you mean "policy"?' },
      { source: "yaml", line: 5, column: 13, problem: '"1" is not true or false' },
      {
        source: "yaml",
        line: 6,
        column: 9,
        problem: '"ok:70000" is not HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400',
      },
      { source: "ACLOG_LISTNE", problem: 'unknown variable; did you mean "ACLOG_LISTEN"?' },
      {
        source: "ACLOG_ADMIN_LISTEN",
        problem: '"::1:8401" is not HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400',
      },
      { source: "ACLOG_REFLECTION", problem: '"yes" is not true or false' },
      { source: "--listen", problem: '"nowhere" is not HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400' },
      { source: "--drain-ms", problem: '"1e3" is not a whole number of milliseconds' },
      { source: "--log-level", problem: '"loud" is not one of debug, info, warn, error' },
    ],
  );
});

const wrongFiles = [
  // what                       the file                         line  column  problem
  ["a list", "- data\n", 1, 1, /expected settings/],
  ["a bare word", "\ndata\n", 2, 1, /expected settings/],
  ["a setting without a value", "data:\n", 1, 1, /^data needs a single value$/],
  ["a setting with null", "policy: p\ndata: ~\n", 2, 1, /^data needs a single value$/],
  ["a setting with a list", "data: [a, b]\n", 1, 1, /^data needs a single value$/],
  [
    "rules in the place of their file",
    "identity:\n  rules: []\n",
    1,
    1,
    /^identity needs a single value: the name of a file that has the rules in it$/,
  ],
  ["a setting by reference", "policy: &p x\ndata: *p\n", 2, 1, /^data needs a single value$/],
  ["an empty path", 'data: ""\n', 1, 7, /must not be empty/],
  ["a setting that is there twice", "data: a\npolicy: p\ndata: b\n", 3, 1, /unique/],
  ["a key that is no word", "? [a]\n: b\n", 1, 1, /begin with \? are not allowed/],
  ["a key from JavaScript", "constructor: x\n", 1, 1, /^unknown setting "constructor"$/],
  ["a second document", "data: a\n---\ndata: b\n", 2, 1, /multiple documents/],
  ["text that is not YAML", "data: 'a\n", 2, 1, /./],
  ["an unknown tag", "data: !secret a\n", 1, 7, /tag/],
  ["an hour and more", "drain-ms: 3600001\n", 1, 11, /an hour/],
  ["a week and more", "max-connection-age-ms: 604800001\n", 1, 24, /a week/],
  ["an answer in no time", "keepalive-timeout-ms: 0\n", 1, 23, /at least 1 ms/],
  ["no connection at all", "max-connections: 0\n", 1, 18, /from 1 to 1000000/],
  ["a fraction of a stream", "max-concurrent-streams: 1.5\n", 1, 25, /"1.5" is not a whole number$/],
] as const;
for (const [what, yaml, line, column, problem] of wrongFiles) {
  test(`${what} in the file is refused where it stands`, async () => {
    const [finding, ...more] = await mistakes({ yaml });
    assert.deepEqual([finding?.source, finding?.line, finding?.column, more.length], ["yaml", line, column, 0]);
    assert.match(finding!.problem, problem);
  });
}

test("findings of the file come in the order of its lines", async () => {
  const findings = await mistakes({ yaml: "listen: x\npolcy: p\ndrain-ms: y\nlog-level: [a]\n" });
  assert.deepEqual(
    findings.map(({ line }) => line),
    [1, 2, 3, 4],
  );
});

const brokenFiles = [
  // the file                                            lines with a finding
  ["listen: [::1]:8400\ndrain-ms: x\n", [1, 2]],
  ["reflection: 1\nlisten: [::1]:8400\nlog-level: 2\n", [1, 2, 3]],
  ["drain-ms: a: b\n", [1]],
  ["drain-ms: 'a\nlisten: y\n", [3]],
  ["drain-ms: @x\n", [1]],
] as const;
for (const [yaml, lines] of brokenFiles) {
  test(`one finding for each mistake in ${JSON.stringify(yaml)}`, async () => {
    assert.deepEqual(
      (await mistakes({ yaml })).map(({ line }) => line),
      lines,
    );
  });
}

test("a file that is not there is one mistake among the others", async () => {
  const findings = await mistakes({ flags: { config: join(directory, "missing.yaml"), listen: "x" } });
  assert.deepEqual(
    findings.map(({ source, problem }) => [source.replace(/^.*\//, ""), problem.slice(0, 22)]),
    [
      ["missing.yaml", "there is no such file"],
      ["--listen", '"x" is not HOST:PORT, '],
    ],
  );
  assert.match((await mistakes({ flags: { config: directory } }))[0]!.problem, /is a directory/);
});

const strangeFiles = [
  ["a file of bytes", Buffer.alloc(60_000, 0xff), /^is no text/],
  ["a file that is too large", Buffer.alloc(70_000, 0x20), /^is larger than 64 KiB/],
  ["a page of text", "# Title\n\nSome *words*: [a link](b), `code`\n```\n$ a | b: c\n".repeat(500), /./],
  ["a very long value", `listen: ${"x".repeat(60_000)}\n`, /^"xxx.*…$/],
  ["lists in lists", "- ".repeat(30_000), /only one - /],
] as const;
for (const [what, content, problem] of strangeFiles) {
  test(`${what} in the place of settings is told in few words`, async () => {
    const path = join(directory, "strange");
    await writeFile(path, content);
    const findings = await mistakes({ flags: { config: path } });
    assert.match(findings[0]!.problem, problem);
    assert.ok(findings.length <= 11 && JSON.stringify(findings).length < 4_000, JSON.stringify(findings));
  });
}

test("a wrong setting is the same failure wherever it is written; a file that cannot be read is another", async () => {
  const sources = [
    { flags: { listen: "x" } },
    { env: { ACLOG_LISTNE: "x" } },
    { yaml: "polcy: p\n" },
    { yaml: "listen: x\n" },
  ];
  for (const source of sources) await assert.rejects(load(source), WrongSettings);
  await assert.rejects(load({ flags: { config: join(directory, "missing.yaml") } }), (error) => {
    return error instanceof OperatorError && !(error instanceof WrongSettings);
  });
});

test("an empty file, and one of comments, change nothing", async () => {
  const defaults = await load({});
  assert.deepEqual(await load({ yaml: "" }), defaults);
  assert.deepEqual(await load({ yaml: "# nothing yet\n" }), defaults);
});

test("variables of the client commands are not mistaken for settings", async () => {
  assert.equal((await load({ env: { ACLOG_ADDRESS: "a:1", ACLOG_AS: "b", ACLOG_CERTS: "c" } })).dataDir, "./data");
});

test("a value that another source overrides is checked all the same", async () => {
  assert.deepEqual(await mistakes({ flags: { reflection: "true" }, env: { ACLOG_REFLECTION: "" } }), [
    { source: "ACLOG_REFLECTION", problem: '"" is not true or false' },
  ]);
});

const addresses = [
  ["localhost:8400", { host: "localhost", port: 8400 }],
  ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
  ["[::1]:8400", { host: "::1", port: 8400 }],
  ["[::ffff:10.0.0.1]:1", { host: "::ffff:10.0.0.1", port: 1 }],
  ["::1:8400", undefined],
  ["[::1]", undefined],
  ["localhost", undefined],
  [":8400", undefined],
  ["localhost:65536", undefined],
  ["localhost:-1", undefined],
  ["localhost: 1", undefined],
  ["https://localhost:1", undefined],
  ["user@localhost:1", undefined],
  ["", undefined],
] as const;
for (const [text, address] of addresses) {
  test(`${JSON.stringify(text)} is ${address === undefined ? "no address" : "an address"}`, () => {
    assert.deepEqual(parseAddress(text), address);
  });
}
