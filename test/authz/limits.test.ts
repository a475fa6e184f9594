import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { CasbinAuthorizer } from "../../src/authz/index.js";
import { defaultTenantLimits } from "../../src/tenant-limits.js";
import { PolicyFolder, ask, authorizerFor, mistakesIn } from "./policy-folder.js";

async function limitsOf(tenant: string, yaml: string) {
  await using folder = await PolicyFolder.create({ "tenants.yaml": yaml });
  const authorizer = await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
  return authorizer.limitsOf(tenant);
}

/** A `limits:` map of acme, with globex beside it. */
const acme = (limits: string): string => `tenants:\n  acme:\n    limits: ${limits}\n  globex: {}\n`;

describe("the limits of a tenant are", () => {
  test("as stated, with the defaults for the rest; and those of no other tenant", async () => {
    const yaml = acme("{ storage_bytes: 5 GiB, topics: 7, batch_bytes: 2MiB }");
    const stated = { storage_bytes: 5 * 1024 ** 3, topics: 7, batch_bytes: 2 * 1024 ** 2 };
    assert.deepEqual(await limitsOf("acme", yaml), { ...defaultTenantLimits, ...stated });
    for (const other of ["globex", "initech", "_system", "__proto__", ""]) {
      assert.deepEqual(await limitsOf(other, yaml), defaultTenantLimits, other);
    }
  });

  test.each(["tenants:\n  acme:\n  globex:\n", acme(""), acme("{}"), "tenants: { acme: {}, globex: {} }"])(
    "the defaults where %j states none",
    async (yaml) => assert.deepEqual(await limitsOf("acme", yaml), defaultTenantLimits),
  );

  const numbers: readonly (readonly [text: string, bytes: number])[] = [
    ["0", 0],
    ["10737418240", 10 * 1024 ** 3],
    ["512KiB", 512 * 1024],
    ["512 MiB", 512 * 1024 ** 2],
    ["3TiB", 3 * 1024 ** 4],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    [`"1 GiB"`, 1024 ** 3],
  ];
  test.each(numbers)("%s is as many bytes", async (text, bytes) => {
    expect(await limitsOf("acme", acme(`{ storage_bytes: ${text} }`))).toMatchObject({ storage_bytes: bytes });
  });

  test("up to what the server takes of anyone", async () => {
    const most = { record_bytes: 1024 ** 2, batch_bytes: 4 * 1024 ** 2 };
    expect(await limitsOf("acme", acme("{ record_bytes: 1MiB, batch_bytes: 4MiB }"))).toMatchObject(most);
    const least = { record_bytes: 1, batch_bytes: 1, connections: 1, topics: 0, streams: 0, storage_bytes: 0 };
    expect(await limitsOf("acme", acme(JSON.stringify(least)))).toMatchObject(least);
  });
});

const bytesKind = "a whole number of bytes, or one of KiB, MiB, GiB or TiB,";
const mistakes: readonly (readonly [limits: string, ...findings: string[]])[] = [
  ["3", `3:13: "tenants.acme.limits" must be a map, as in "limits:" with "  topics: 100" below it`],
  ["[topics]", `3:13: "tenants.acme.limits" must be a map, as in "limits:" with "  topics: 100" below it`],
  ["{ topic: 3 }", `3:15: unknown limit "topic"; did you mean "topics"?`],
  [
    "{ __proto__: 3 }",
    `3:15: unknown limit "__proto__"; expected storage_bytes, topics, connections, streams, record_bytes or batch_bytes`,
  ],
  [
    "{ constructor: 3 }",
    `3:15: unknown limit "constructor"; expected storage_bytes, topics, connections, streams, record_bytes or batch_bytes`,
  ],
  ["{ topics: -1 }", '3:23: topics must be a whole number of at least 0, found "-1"'],
  ["{ topics: 1.5 }", '3:23: topics must be a whole number of at least 0, found "1.5"'],
  ["{ topics: 1e3 }", '3:23: topics must be a whole number of at least 0, found "1e3"'],
  ["{ topics: 007 }", '3:23: topics must be a whole number of at least 0, found "007"'],
  ["{ topics: 1KiB }", '3:23: topics must be a whole number of at least 0, found "1KiB"'],
  ["{ topics: many }", '3:23: topics must be a whole number of at least 0, found "many"'],
  ["{ topics: 9007199254740992 }", '3:23: topics must be a whole number of at least 0, found "9007199254740992"'],
  ["{ topics: }", "3:23: topics must be a whole number of at least 0"],
  ["{ topics: [] }", "3:23: topics must be a whole number of at least 0"],
  ["{ connections: 0 }", '3:28: connections must be a whole number of at least 1, found "0"'],
  ["{ storage_bytes: 10GB }", `3:30: storage_bytes must be ${bytesKind} of at least 0, found "10GB"`],
  [
    "{ storage_bytes: 9007199254740991KiB }",
    `3:30: storage_bytes must be ${bytesKind} of at least 0, found "9007199254740991KiB"`,
  ],
  ["{ record_bytes: 1048577 }", `3:29: record_bytes must be ${bytesKind} from 1 to 1048576, found "1048577"`],
  ["{ record_bytes: 0 }", `3:29: record_bytes must be ${bytesKind} from 1 to 1048576, found "0"`],
  ["{ batch_bytes: 5MiB }", `3:28: batch_bytes must be ${bytesKind} from 1 to 4194304, found "5MiB"`],
  ["{ topics: 1, topics: 2 }", `3:26: the key "topics" is already on line 3`],
  [
    "{ topicz: 1, streams: x, batch_bytes: 0 }",
    `3:15: unknown limit "topicz"; did you mean "topics"?`,
    `3:35: streams must be a whole number of at least 0, found "x"`,
    `3:51: batch_bytes must be ${bytesKind} from 1 to 4194304, found "0"`,
  ],
];
describe("tenants.yaml is refused for the limits", () => {
  for (const [limits, ...findings] of mistakes) {
    test(limits, async () => {
      assert.deepEqual(
        await mistakesIn({ "tenants.yaml": acme(limits) }),
        findings.map((finding) => `tenants.yaml:${finding}`),
      );
    });
  }
});

test("other limits make another policy, and are those of the policy in force", async () => {
  await using folder = await PolicyFolder.create({ "tenants.yaml": acme("{ topics: 1 }") });
  const authorizer = await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
  const { version } = authorizer;
  await folder.write({ "tenants.yaml": acme("{ topics: 2 }") });
  authorizer.activate(await folder.compiled());
  assert.notEqual(authorizer.version, version);
  assert.equal(authorizer.limitsOf("acme").topics, 2);
});

describe("what a list may show", () => {
  const policy = `
p, role:root, *, *, *, allow
g, acme/root, role:root, acme
p, role:reader, acme, orders.*, describe, allow
p, role:auditor, *, audit, *, allow
g, role:reader, role:auditor, acme
g, acme/reports, role:reader, acme
p, acme/reports, acme, orders.cards, describe, deny
p, globex/watch, acme, _audit, describe, allow
p, acme/billing, acme, billing, produce, allow
`;
  const principals = ["acme/root", "acme/reports", "acme/billing", "globex/watch", "globex/root", "acme/nobody"];
  const topics = ["orders", "orders.eu", "orders.cards", "audit", "_audit", "billing", "default", "Bad", ""];

  test("is what is allowed, for everyone and everything, and nothing is reported", async () => {
    const { authorizer, denials } = await authorizerFor(policy);
    let shown = 0;
    for (const principal of principals) {
      for (const tenant of ["acme", "globex", "initech", "_system"]) {
        for (const action of ["describe", "consume", "produce", "nothing"]) {
          for (const topic of topics) {
            const request = ask(principal, action, tenant, topic);
            const permitted = authorizer.permits(request);
            assert.equal(denials.length, 0);
            let allowed = true;
            try {
              authorizer.authorize(request);
            } catch {
              allowed = false;
            }
            denials.length = 0;
            assert.equal(permitted, allowed, `${principal} ${action} ${tenant}/${topic}`);
            if (permitted) assert.equal(authorizer.permitsSome(request), true);
            if (permitted) shown++;
          }
        }
      }
    }
    assert.ok(shown > 20, `${shown}`);
  });

  test("is nothing at all, where no rule opens anything", async () => {
    const { authorizer } = await authorizerFor(policy);
    const closed = [
      ["acme/nobody", "describe", "acme"],
      ["acme/billing", "describe", "acme"],
      ["globex/root", "describe", "acme"],
      ["acme/root", "describe", "globex"],
      ["acme/root", "describe", "initech"],
      ["acme/root", "describe", "_system"],
    ] as const;
    for (const [principal, action, tenant] of closed) {
      assert.equal(authorizer.permitsSome(ask(principal, action, tenant, "")), false, `${principal} ${tenant}`);
    }
    assert.equal(authorizer.permitsSome(ask("acme/billing", "produce", "acme", "")), true);
  });

  test("follows the policy in force", async () => {
    await using folder = await PolicyFolder.create();
    const authorizer = await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
    const request = ask("acme/billing", "describe", "acme", "orders");
    assert.equal(authorizer.permits(request), false);
    await folder.write({ "policy.csv": "p, acme/billing, acme, orders, describe, allow\n", "matrix.csv": "" });
    authorizer.activate(await folder.compiled());
    assert.equal(authorizer.permits(request), true);
  });

  test("is false for a request that is none", async () => {
    const { authorizer } = await authorizerFor(policy);
    for (const odd of [
      {},
      undefined,
      null,
      { principal: null },
      { ...ask("acme/root", "describe", "acme", "x"), topic: 3 },
    ]) {
      assert.equal(authorizer.permits(odd as never), false);
    }
  });
});
