/**
 * Every setting of the server, once: from here come its flag, its variable, its key in the file, its default and its
 * help. All three sources give text, so that a value means the same wherever it is written.
 */
import { z } from "zod";
import { parseAddress } from "../address.js";
import { parsePrincipal } from "../names.js";

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`${JSON.stringify(text)} is not HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400`);
  return z.NEVER;
});

const principal = z.string().transform((text, context) => {
  const parsed = parsePrincipal(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`${JSON.stringify(text)} is not TENANT/NAME, such as ops/root`);
  return z.NEVER;
});

const path = z.string().min(1, "a path must not be empty");

const wholeNumber = (what: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: ({ input }) => `${JSON.stringify(input)} is not a whole number${what}` })
    .transform(Number);

const milliseconds = wholeNumber(" of milliseconds").refine(
  (value) => value <= 3_600_000,
  "at most 3600000 ms, an hour",
);

/** For what goes on for long. Longer timers than this are not for milliseconds; Node's end at 24 days. */
const longMilliseconds = wholeNumber(" of milliseconds").refine(
  (value) => value <= 604_800_000,
  "at most 604800000 ms, a week",
);

/** 0 stands for no limit. */
const limitOrNone = longMilliseconds.transform((value) => (value === 0 ? Infinity : value));

const countUpTo = (most: number) => wholeNumber("").refine((value) => value >= 1 && value <= most, `from 1 to ${most}`);

const logLevels = ["debug", "info", "warn", "error"] as const;
const logLevel = z.enum(logLevels, {
  error: ({ input }) => `${JSON.stringify(input)} is not one of ${logLevels.join(", ")}`,
});

const truth = z
  .enum(["true", "false"], { error: ({ input }) => `${JSON.stringify(input)} is not true or false` })
  .transform((text) => text === "true");

/** A setting's key in the file, and its flag without the dashes. */
export type SettingName = keyof typeof settings;

/** One row of the table below. */
export interface Setting {
  /** What its value is called in the help; undefined for a flag that stands alone and means true. */
  readonly placeholder?: string;
  readonly help: string;
  /** As it would be written; undefined when the setting is off unless given. */
  readonly default?: string;
  readonly schema: z.ZodType<unknown, string>;
}

export const settings = {
  listen: { placeholder: "HOST:PORT", help: "where clients connect", default: "127.0.0.1:8400", schema: address },
  "admin-listen": {
    placeholder: "HOST:PORT",
    help: "where probes and metrics are answered, without a certificate",
    default: "127.0.0.1:8401",
    schema: address,
  },
  data: { placeholder: "DIR", help: "what is stored", default: "./data", schema: path },
  policy: {
    placeholder: "DIR",
    help: "folder of model.conf, policy.csv, tenants.yaml and matrix.csv",
    default: "./policy",
    schema: path,
  },
  "break-glass": {
    placeholder: "TENANT/NAME",
    help: "who can always activate a policy, whatever the policy says",
    schema: principal,
  },
  ca: { placeholder: "FILE", help: "authorities that vouch for clients", default: "certs/ca.crt", schema: path },
  cert: { placeholder: "FILE", help: "the server's certificate", default: "certs/server.crt", schema: path },
  key: { placeholder: "FILE", help: "the server's private key", default: "certs/server.key", schema: path },
  crl: {
    placeholder: "PATH",
    help: "revocation lists: a file, or a folder of .crl and .pem files; those in certs if --ca is not given",
    schema: path,
  },
  "crl-expired": {
    placeholder: "refuse|accept",
    help: "what becomes of new clients whose authority's revocation list has expired",
    default: "refuse",
    schema: z.enum(["refuse", "accept"], {
      error: ({ input }) => `${JSON.stringify(input)} is not refuse or accept`,
    }),
  },
  identity: {
    placeholder: "FILE",
    help: "rules by which tenant and name are read from a certificate; without it, tenant is O and name is CN",
    schema: path,
  },
  reflection: { help: "let clients list the services", default: "false", schema: truth },
  "ready-file": { placeholder: "FILE", help: "written as JSON once the server serves", schema: path },
  "drain-ms": {
    placeholder: "MS",
    help: "how long SIGTERM waits for calls under way",
    default: "10000",
    schema: milliseconds,
  },
  "keepalive-ms": {
    placeholder: "MS",
    help: "silence after which a connection is asked whether its peer is still there; 0: never",
    default: "60000",
    schema: limitOrNone,
  },
  "keepalive-timeout-ms": {
    placeholder: "MS",
    help: "how long its answer may take",
    default: "20000",
    schema: milliseconds.refine((value) => value > 0, "at least 1 ms"),
  },
  "max-connection-age-ms": {
    placeholder: "MS",
    help: "age at which a connection takes no more calls, give or take a tenth; 0: no limit",
    default: "0",
    schema: limitOrNone,
  },
  "max-connection-age-grace-ms": {
    placeholder: "MS",
    help: "how long its calls may go on then",
    default: "60000",
    schema: longMilliseconds,
  },
  "max-connection-idle-ms": {
    placeholder: "MS",
    help: "time without a call after which a connection is closed, give or take a tenth; 0: no limit",
    default: "1800000",
    schema: limitOrNone,
  },
  "max-concurrent-streams": {
    placeholder: "COUNT",
    help: "calls that one connection may have open",
    default: "256",
    schema: countUpTo(65_536),
  },
  "max-connections": {
    placeholder: "COUNT",
    help: "connections of the whole server; more are closed at once",
    default: "10000",
    schema: countUpTo(1_000_000),
  },
  "metrics-tenants": { help: "metrics of each tenant too, by its name", default: "false", schema: truth },
  "log-level": { placeholder: "LEVEL", help: logLevels.join(", "), default: "info", schema: logLevel },
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
