import type { z } from "zod";
import { OperatorError, WrongSettings, type Finding } from "../errors.js";
import type { Address } from "../address.js";
import type { Principal } from "../names.js";
import type { GivenValue } from "./config-file.js";
import { schemas } from "./schemas.js";
import {
  configVariable,
  settingNames,
  settings,
  unknownVariables,
  variableOf,
  type Setting,
  type SettingName,
} from "./settings.js";

/** How the server is to run. Nothing in it has been opened; paths are as they were given, relative to where it runs. */
export interface Config {
  readonly listen: Address;
  readonly adminListen: Address;
  readonly dataDir: string;
  readonly policyDir: string;
  /** Who can always activate a policy. */
  readonly breakGlass: Principal | undefined;
  readonly tls: {
    /** PEM files. */
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    /** Revocation lists: a file, or a folder of them. Optional: it need not be there. */
    readonly crl: { readonly path: string; readonly isOptional: boolean } | undefined;
    /** What becomes of new clients whose authority's list has expired. */
    readonly crlExpired: "refuse" | "accept";
    /** How names are read from certificates; undefined: tenant from O, name from CN. */
    readonly identity: string | undefined;
  };
  readonly reflection: boolean;
  /** Written once the server serves, and removed when it stops. */
  readonly readyFile: string | undefined;
  /** How long SIGTERM waits for calls under way, in milliseconds. */
  readonly drainMs: number;
  readonly limits: Limits;
  /** Whether metrics name tenants. */
  readonly metricsTenants: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** What connections may cost. Times in milliseconds; Infinity for what is not limited. */
export interface Limits {
  readonly maxConnections: number;
  /** Calls that one connection may have open. */
  readonly maxConcurrentStreams: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
  readonly maxConnectionIdleMs: number;
}

/** Flags without their dashes, as they were typed; `config` names the YAML file. */
export type ConfigFlags = { readonly [Name in SettingName | "config"]?: string };

/**
 * A flag counts more than the environment, that more than the file, and that more than the default.
 * @throws WrongSettings with every mistake in all three, also in values that another source overrides
 * @throws OperatorError when nothing is wrong but that the file cannot be read
 */
export async function loadConfig(sources: {
  readonly flags: ConfigFlags;
  readonly env: NodeJS.ProcessEnv;
}): Promise<Config> {
  const { flags, env } = sources;
  const path = flags.config ?? env[configVariable];
  const file = path === undefined ? { values: [], findings: [] } : await readFileOf(path);
  const findings = [...file.findings, ...unknownVariables(env)];
  const values = new Map<SettingName, unknown>();
  // The weakest source first: each later one replaces what it gives too.
  for (const given of [...defaults(), ...file.values, ...fromEnvironment(env), ...fromFlags(flags)]) {
    const parsed = schemas[given.name].safeParse(given.text);
    if (parsed.success) values.set(given.name, parsed.data);
    else findings.push(...parsed.error.issues.map(({ message }) => ({ ...given.place, problem: message })));
  }
  if (findings.length > 0) {
    // A file that could not be read says nothing about settings.
    const isUnread = findings.every(({ source, line }) => source === path && line === undefined);
    const Failure = isUnread ? OperatorError : WrongSettings;
    throw new Failure("the configuration has mistakes:", inLineOrder(findings).map(shortened));
  }
  return toConfig((name) => values.get(name) as never);
}

/** The YAML parser is loaded where there is a file: every command begins with this module. */
async function readFileOf(path: string): Promise<{ values: GivenValue[]; findings: Finding[] }> {
  const { readConfigFile } = await import("./config-file.js");
  return readConfigFile(path);
}

type ValueOf = <Name extends SettingName>(name: Name) => z.output<(typeof schemas)[Name]>;

function toConfig(value: ValueOf): Config {
  return Object.freeze({
    listen: Object.freeze(value("listen")),
    adminListen: Object.freeze(value("admin-listen")),
    dataDir: value("data"),
    policyDir: value("policy"),
    breakGlass: value("break-glass"),
    tls: Object.freeze({
      ca: value("ca"),
      cert: value("cert"),
      key: value("key"),
      crl: listsOf(value("crl"), value("ca")),
      crlExpired: value("crl-expired"),
      identity: value("identity"),
    }),
    reflection: value("reflection"),
    readyFile: value("ready-file"),
    drainMs: value("drain-ms"),
    limits: limitsOf(value),
    metricsTenants: value("metrics-tenants"),
    logLevel: value("log-level"),
  });
}

/** Beside authorities that nobody has named: the folder that they are in, where `aclog certs` keeps the lists of all. */
const defaultCrl = "certs";

function listsOf(crl: string | undefined, ca: string): Config["tls"]["crl"] {
  if (crl !== undefined) return Object.freeze({ path: crl, isOptional: false });
  return ca === settings.ca.default ? Object.freeze({ path: defaultCrl, isOptional: true }) : undefined;
}

function limitsOf(value: ValueOf): Limits {
  return Object.freeze({
    maxConnections: value("max-connections"),
    maxConcurrentStreams: value("max-concurrent-streams"),
    keepaliveMs: value("keepalive-ms"),
    keepaliveTimeoutMs: value("keepalive-timeout-ms"),
    maxConnectionAgeMs: value("max-connection-age-ms"),
    maxConnectionAgeGraceMs: value("max-connection-age-grace-ms"),
    maxConnectionIdleMs: value("max-connection-idle-ms"),
  });
}

/** For a server that is started without asking for any of these settings. */
export const defaultLimits: Limits = limitsOf((name) => {
  const { default: text }: Setting = settings[name];
  return schemas[name].parse(text) as never;
});

function defaults(): GivenValue[] {
  return settingNames.flatMap((name) => {
    const setting = settings[name];
    return "default" in setting ? [{ name, text: setting.default, place: { source: "default" } }] : [];
  });
}

function fromEnvironment(env: NodeJS.ProcessEnv): GivenValue[] {
  return settingNames.flatMap((name) => given(name, env[variableOf(name)], variableOf(name)));
}

function fromFlags(flags: ConfigFlags): GivenValue[] {
  return settingNames.flatMap((name) => given(name, flags[name], `--${name}`));
}

function given(name: SettingName, text: string | undefined, source: string): GivenValue[] {
  return text === undefined ? [] : [{ name, text, place: { source } }];
}

/** What was given is quoted, and can be as long as a file. */
function shortened(finding: Finding): Finding {
  const { problem } = finding;
  return problem.length <= 300 ? finding : { ...finding, problem: `${problem.slice(0, 300)}…` };
}

/** Those of the file as an editor shows them, then the others as they came. */
function inLineOrder(findings: readonly Finding[]): Finding[] {
  const placed = findings.filter(({ line }) => line !== undefined);
  placed.sort((a, b) => a.line! - b.line! || (a.column ?? 0) - (b.column ?? 0));
  return [...placed, ...findings.filter(({ line }) => line === undefined)];
}
