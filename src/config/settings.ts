/**
 * Every setting of the server, once: from here come its flag, its variable, its key in the file, its default and its
 * help. All three sources give text, so that a value means the same wherever it is written. What a value may be is in
 * schemas.ts: every command begins with this module, and need not load what checks them.
 */
import type { Finding } from "../errors.js";
import { didYouMean } from "../suggest.js";

/** A setting's key in the file, and its flag without the dashes. */
export type SettingName = keyof typeof settings;

/** One row of the table below. */
export interface Setting {
  /** What its value is called in the help; undefined for a flag that stands alone and means true. */
  readonly placeholder?: string;
  readonly help: string;
  /** As it would be written; undefined when the setting is off unless given. */
  readonly default?: string;
}

export const settings = {
  listen: { placeholder: "HOST:PORT", help: "where clients connect", default: "127.0.0.1:8400" },
  "admin-listen": {
    placeholder: "HOST:PORT",
    help: "where probes and metrics are answered, without a certificate",
    default: "127.0.0.1:8401",
  },
  data: { placeholder: "DIR", help: "what is stored", default: "./data" },
  policy: {
    placeholder: "DIR",
    help: "folder of model.conf, policy.csv, tenants.yaml and matrix.csv",
    default: "./policy",
  },
  "break-glass": {
    placeholder: "TENANT/NAME",
    help: "who can always activate a policy, whatever the policy says",
  },
  ca: { placeholder: "FILE", help: "authorities that vouch for clients", default: "certs/ca.crt" },
  cert: { placeholder: "FILE", help: "the server's certificate", default: "certs/server.crt" },
  key: { placeholder: "FILE", help: "the server's private key", default: "certs/server.key" },
  crl: {
    placeholder: "PATH",
    help: "revocation lists: a file, or a folder of .crl and .pem files; those in certs if --ca is not given",
  },
  "crl-expired": {
    placeholder: "refuse|accept",
    help: "what becomes of new clients whose authority's revocation list has expired",
    default: "refuse",
  },
  identity: {
    placeholder: "FILE",
    help: "rules by which tenant and name are read from a certificate; without it, tenant is O and name is CN",
  },
  reflection: { help: "let clients list the services", default: "false" },
  "ready-file": { placeholder: "FILE", help: "written as JSON once the server serves" },
  "drain-ms": {
    placeholder: "MS",
    help: "how long SIGTERM waits for calls under way",
    default: "10000",
  },
  "keepalive-ms": {
    placeholder: "MS",
    help: "silence after which a connection is asked whether its peer is still there; 0: never",
    default: "60000",
  },
  "keepalive-timeout-ms": {
    placeholder: "MS",
    help: "how long its answer may take",
    default: "20000",
  },
  "max-connection-age-ms": {
    placeholder: "MS",
    help: "age at which a connection takes no more calls, give or take a tenth; 0: no limit",
    default: "0",
  },
  "max-connection-age-grace-ms": {
    placeholder: "MS",
    help: "how long its calls may go on then",
    default: "60000",
  },
  "max-connection-idle-ms": {
    placeholder: "MS",
    help: "time without a call after which a connection is closed, give or take a tenth; 0: no limit",
    default: "1800000",
  },
  "max-concurrent-streams": {
    placeholder: "COUNT",
    help: "calls that one connection may have open",
    default: "256",
  },
  "max-connections": {
    placeholder: "COUNT",
    help: "connections of the whole server; more are closed at once",
    default: "10000",
  },
  "metrics-tenants": { help: "metrics of each tenant too, by its name", default: "false" },
  "log-level": { placeholder: "LEVEL", help: "debug, info, warn, error", default: "info" },
} as const satisfies Readonly<Record<string, Setting>>;

export const settingNames = Object.keys(settings) as SettingName[];

/** Names the YAML file. Not a setting itself: a file does not name another. */
export const configVariable = "ACLOG_CONFIG";

/** What the client commands read. A server started from the same shell must not mistake them for its own. */
export const clientVariables = { address: "ACLOG_ADDRESS", as: "ACLOG_AS", certs: "ACLOG_CERTS" } as const;

/** What every variable of aclog's begins with. */
export const variablePrefix = "ACLOG_";

/** `admin-listen` is ACLOG_ADMIN_LISTEN in the environment. */
export function variableOf(name: SettingName): string {
  return `${variablePrefix}${name.toUpperCase().replaceAll("-", "_")}`;
}

/** Variables that begin like aclog's own and are none: most likely one that was mistyped. */
export function unknownVariables(env: NodeJS.ProcessEnv): Finding[] {
  const known = [...settingNames.map(variableOf), configVariable, ...Object.values(clientVariables)];
  return Object.keys(env)
    .filter((variable) => variable.startsWith(variablePrefix) && !known.includes(variable))
    .sort()
    .map((variable) => ({
      source: variable,
      problem: `unknown variable${didYouMean(variable, known, variablePrefix)}`,
    }));
}
