import { expect, test } from "vitest";
import { actions } from "../../src/matrix/axes/actions.js";
import { credentials } from "../../src/matrix/axes/credentials.js";
import { moments } from "../../src/matrix/axes/moments.js";
import { resources } from "../../src/matrix/axes/resources.js";
import { type Cell, expectedOf } from "../../src/matrix/oracle.js";

function named<Value extends { readonly name: string }>(values: readonly Value[], name: string): Value {
  const found = values.find((value) => value.name === name);
  if (found === undefined) throw new TypeError(`nothing is called ${name}`);
  return found;
}

function cell(credential: string, action: string, resource: string, moment: string): Cell {
  return {
    credential: named(credentials, credential),
    action: named(actions, action),
    resource: named(resources, resource),
    moment: named(moments, moment),
  };
}

const denied = { layer: "policy", status: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" };
const invalid = { layer: "request", status: "INVALID_ARGUMENT", reason: "INVALID_FIELD" };
const missing = { layer: "store", status: "NOT_FOUND", reason: "TOPIC_NOT_FOUND" };
const ended = { layer: "identity", status: "UNAUTHENTICATED", reason: "UNAUTHENTICATED" };
const cutOff = (layer: string) => ({ layer, status: "cut off", reason: "" });

// Written down by hand, from the documents.
const calls = [
  ["valid", "Log/Produce", "own topic, by its exact name", "at the call", "done"],
  ["valid", "Log/Produce", "denied inside what is allowed", "at the call", denied],
  ["valid", "Log/Produce", "beside his prefix", "at the call", denied],
  ["valid", "Log/Consume", "missing, longer than his exact name", "at the call", denied],
  ["valid", "Log/Produce", "missing, and he may create it", "at the call", "done"],
  ["valid", "Log/Produce", "missing, and he may not create it", "at the call", missing],
  ["valid", "Log/Produce", "system topic that a line names", "at the call", invalid],
  ["valid", "Log/Produce", "system topic that no line names", "at the call", denied],
  ["valid", "Log/Produce", "a path: ../x", "at the call", invalid],
  ["valid", "Log/ProduceStream, later message", "another tenant's topic of the same name", "at the call", denied],
  ["valid", "Log/Import, later message", "own topic, by a prefix", "at the call", invalid],
  ["valid", "Log/Consume", "system topic that a line names", "at the call", "done"],
  ["valid", "Topics/List", "another tenant's topic of the same name", "at the call", "shows nothing"],
  ["valid", "Topics/List", "a pattern: *", "at the call", "shows nothing"],
  ["valid", "Offsets/Delete", "missing, and he may not create it", "at the call", "done"],
  ["valid", "Policy/Status", "own topic, by a wildcard", "at the call", denied],
  ["valid", "Policy/Status", "the policy, for who administers it", "at the call", "done"],
  ["valid", "Policy/Who", "own topic, by a wildcard", "at the call", "done"],
  ["valid", "Policy/Who", "another tenant's topic of the same name", "at the call", denied],
  ["valid", "Policy/Why", "own topic, by its exact name", "at the call", "done"],
  ["valid", "Health/Check", "the platform's own tenant", "at the call", "done"],
  ["SPIFFE", "Log/ConsumeStream", "own topic, by a prefix", "after the right is gone", denied],
  ["SPIFFE", "Topics/List", "own topic, by a prefix", "after the role is gone", "shows nothing"],
  ["valid", "Health/Watch", "own topic, by a prefix", "after the right is gone", "done"],
  ["valid", "Log/Produce", "a path: ../x", "after the right is gone", invalid],
  ["valid", "Log/Produce", "system topic that a line names", "after the right is gone", denied],
  ["valid", "Log/ConsumeStream", "own topic, by a prefix", "after the certificate was revoked", ended],
  ["valid", "Health/Watch", "own topic, by a prefix", "after the certificate has expired", ended],
  ["valid", "Log/ConsumeStream", "denied inside what is allowed", "after the tenant is gone", denied],
  ["valid", "Log/Produce", "own topic, by a prefix", "after the tenant was suspended", cutOff("identity")],
  ["valid", "Log/Produce", "own topic, by a prefix", "after the authority is gone", cutOff("TLS")],
  ["valid", "Log/ConsumeStream", "own topic, by a prefix", "during a failing reload of certificates", "done"],
  ["valid", "Log/ConsumeStream", "own topic, by a prefix", "during the roll-over to another authority", "done"],
  [
    "valid",
    "Log/ConsumeStream",
    "own topic, by a prefix",
    "during the drain",
    { layer: "drain", status: "UNAVAILABLE", reason: "SHUTTING_DOWN" },
  ],
  ["valid", "Log/Produce", "own topic, by a prefix", "during the drain", cutOff("port")],
  ["revoked", "Health/Check", "own topic, by a prefix", "at the call", cutOff("identity")],
  ["self-signed", "Log/Produce", "own topic, by a prefix", "during a failing reload of certificates", cutOff("TLS")],
] as const;

test.each(calls)("%s · %s · %s · %s", (credential, action, resource, moment, call) => {
  expect(expectedOf(cell(credential, action, resource, moment)).call).toEqual(call);
});

const entrances = [
  ["valid", "at the call", "in"],
  ["plain text, HTTP/1.1", "after the authority is gone", { layer: "TLS", word: "protocol" }],
  ["empty CN", "after the tenant is gone", { layer: "identity", word: "no_name" }],
  ["empty CN", "after the authority is gone", { layer: "TLS", word: "untrusted" }],
  ["valid", "after the certificate has expired", { layer: "TLS", word: "expired" }],
  ["valid", "after the certificate was revoked", { layer: "identity", word: "revoked" }],
  ["valid", "after the tenant was suspended", { layer: "identity", word: "tenant_suspended" }],
  ["right name, from another tenant's authority", "at the call", { layer: "identity", word: "other_authority" }],
  [
    "right name, from another tenant's authority",
    "after the tenant is gone",
    { layer: "identity", word: "tenant_undeclared" },
  ],
  ["valid", "during the drain", { layer: "port", word: "refused" }],
] as const;

test.each(entrances)("knocking with %s, %s", (credential, moment, entrance) => {
  expect(expectedOf(cell(credential, "Log/Produce", "own topic, by a prefix", moment)).again).toEqual(entrance);
});
