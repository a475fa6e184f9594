/** What the value of each setting may be, and what its text stands for. */
import { z } from "zod";
import { parseAddress } from "../address.js";
import { parsePrincipal } from "../names.js";
import type { SettingName } from "./settings.js";

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

export const schemas = {
  listen: address,
  "admin-listen": address,
  data: path,
  policy: path,
  "break-glass": principal,
  ca: path,
  cert: path,
  key: path,
  crl: path,
  "crl-expired": z.enum(["refuse", "accept"], {
    error: ({ input }) => `${JSON.stringify(input)} is not refuse or accept`,
  }),
  identity: path,
  reflection: truth,
  "ready-file": path,
  "drain-ms": milliseconds,
  "keepalive-ms": limitOrNone,
  "keepalive-timeout-ms": milliseconds.refine((value) => value > 0, "at least 1 ms"),
  "max-connection-age-ms": limitOrNone,
  "max-connection-age-grace-ms": longMilliseconds,
  "max-connection-idle-ms": limitOrNone,
  "max-concurrent-streams": countUpTo(65_536),
  "max-connections": countUpTo(1_000_000),
  "metrics-tenants": truth,
  "log-level": logLevel,
} as const satisfies Readonly<Record<SettingName, z.ZodType<unknown, string>>>;
