import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/**
 * The map of src/: a room knows one thing, and arrows point inward only. The files beside the rooms are open to every
 * room and know none.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  log: ["wire"],
  repair: ["log"],
  tenancy: ["log", "wire"],
  identity: [],
  credentials: ["identity"],
  authz: [],
  authoring: ["authz"],
  review: ["authz"],
  activation: ["authz", "log"],
  service: ["tenancy", "log"],
  transport: ["service", "authz", "activation", "review", "identity", "wire"],
  pki: [],
  config: [],
  client: ["wire"],
  node: [
    "wire",
    "log",
    "tenancy",
    "identity",
    "credentials",
    "authz",
    "activation",
    "review",
    "service",
    "transport",
    "pki",
    "config",
    "client",
  ],
  matrix: ["node", "client", "authz", "review", "pki", "config", "wire"],
  cli: ["node", "client", "authz", "authoring", "pki", "config", "matrix", "repair", "review", "activation"],
};
const open = [
  "errors",
  "policy-errors",
  "producer-errors",
  "names",
  "key-usages",
  "same-name",
  "linked-certificates",
  "tenant-limits",
  "tenant-standing",
  "lifecycle",
  "address",
  "buffer-pool",
  "suggest",
  "unreached",
  "make-directory",
  "read-file",
  "revocation-files",
  "stretches",
  "strict-yaml",
  "yaml-shape",
  "x509",
];

/** A library that must not be seen outside one room. */
const inside: Readonly<Record<string, string>> = { casbin: "authz", "node-forge": "pki", commander: "cli" };

const source = join(import.meta.dirname, "..", "src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map((match) => match[1]!);
}

const roomOf = (file: string): string => file.split("/")[0]!.replace(/\.ts$/, "");

test("every room of src/ is on the map", () => {
  const rooms = new Set(files.map(roomOf));
  expect([...rooms].sort()).toEqual([...Object.keys(mayImport), ...open].sort());
});

test.each(files)("%s imports only what its room may", (file) => {
  const room = roomOf(file);
  for (const imported of importsOf(file)) {
    if (!imported.startsWith(".")) {
      expect(inside[imported] ?? room, `${file} imports ${imported}`).toBe(room);
      continue;
    }
    const target = roomOf(join(file, "..", imported).replace(/\.js$/, ".ts"));
    if (target === room) continue;
    expect([...(mayImport[room] ?? []), ...open], `${file} imports ${imported}`).toContain(target);
    if (open.includes(room) && !open.includes(target)) {
      expect.fail(`${file} is open to every room and may import none`);
    }
  }
});
