/**
 * Every setting of the server, once: from here come its flag, its variable, its key in the file, its default and its
 * help. All three sources give text, so that a value means the same wherever it is written.
 */
import { z } from "zod";
import { parseAddress } from "../address.js";

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`${JSON.stringify(text)} is not HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400`);
  return z.NEVER;
});

const path = z.string().min(1, "a path must not be empty");

const milliseconds = z
  .string()
  .regex(/^\d{1,9}$/, { error: ({ input }) => `${JSON.stringify(input)} is not a whole number of milliseconds` })
  .transform(Number)
  .refine((value) => value <= 3_600_000, "at most 3600000 ms, an hour");

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
  ca: { placeholder: "FILE", help: "authorities that vouch for clients", default: "certs/ca.crt", schema: path },
  cert: { placeholder: "FILE", help: "the server's certificate", default: "certs/server.crt", schema: path },
  key: { placeholder: "FILE", help: "the server's private key", default: "certs/server.key", schema: path },
  reflection: { help: "let clients list the services", default: "false", schema: truth },
  "ready-file": { placeholder: "FILE", help: "written as JSON once the server serves", schema: path },
  "drain-ms": {
    placeholder: "MS",
    help: "how long SIGTERM waits for calls under way",
    default: "10000",
    schema: milliseconds,
  },
  "log-level": { placeholder: "LEVEL", help: logLevels.join(", "), default: "info", schema: logLevel },
} as const satisfies Readonly<Record<string, Setting>>;

export const settingNames = Object.keys(settings) as SettingName[];

/** Names the YAML file. Not a setting itself: a file does not name another. */
export const configVariable = "ACLOG_CONFIG";

/** What the client commands read. A server started from the same shell must not mistake them for its own. */
export const clientVariables = { address: "ACLOG_ADDRESS", as: "ACLOG_AS", certs: "ACLOG_CERTS" } as const;

/** `admin-listen` is ACLOG_ADMIN_LISTEN in the environment. */
export function variableOf(name: SettingName): string {
  return `ACLOG_${name.toUpperCase().replaceAll("-", "_")}`;
}
