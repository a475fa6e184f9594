import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readAuthorities } from "../../src/credentials/authority-file.js";
import { Credentials } from "../../src/credentials/index.js";
import { TestAuthority } from "../support/certificates.js";

const noop = (): void => undefined;

/** Three of them are more than a handshake has room for. */
const longName = "x".repeat(30_000);

test.each([
  ["more than a server takes", 1_001, "1001 authorities are more than the 1000 that a server takes in all"],
  ["with names for which TLS has no room", 3, /names of 3 authorities take \d+ bytes/],
])("a bundle of authorities is refused: %s", async (_what, count, problem) => {
  const bundle = count > 3 ? {} : { commonName: longName };
  const { caPem } = await TestAuthority.create(bundle);
  await expect(readAuthorities("ca.crt", Buffer.from(caPem.repeat(count)))).rejects.toThrow(problem);
});

test.each(["TRUSTED CERTIFICATE", "X509 CERTIFICATE"])(
  "an authority is not left out for its label: %s",
  async (label) => {
    const { caPem } = await TestAuthority.create();
    const bundle = Buffer.from(caPem + caPem.replaceAll("CERTIFICATE", label));
    await expect(readAuthorities("ca.crt", bundle)).rejects.toThrow(
      `a ${label}: \`openssl x509\` makes a CERTIFICATE of it`,
    );
  },
);

test("a tenant's authorities for which there is no room count for nothing, and all others do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aclog-authorities-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const own = await TestAuthority.create();
  const { certPem, keyPem } = own.server();
  const texts: Record<string, string> = { "ca.crt": own.caPem, "server.crt": certPem, "server.key": keyPem };
  for (const name of ["first", "second", "third"])
    texts[`${name}.crt`] = (await TestAuthority.create({ commonName: `${longName}${name}` })).caPem;
  texts["short.crt"] = (await TestAuthority.create()).caPem;
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
  const path = (name: string): string => join(folder, name);
  const files = { cert: path("server.crt"), key: path("server.key"), ca: path("ca.crt"), crl: undefined };
  await using credentials = await Credentials.open(
    { ...files, crlExpired: "refuse", identity: undefined },
    { onChanged: noop, onUnchanged: noop, onRefused: noop, onMended: noop, onLooked: noop, onProblem: noop },
    { tenantFiles: ["first.crt", "second.crt", "third.crt", "short.crt"] },
  );
  const counts = [...credentials.inForce.tenantFiles].map(([name, fingerprints]) => [name, fingerprints.length]);
  expect(counts).toEqual([
    ["first.crt", 1],
    ["second.crt", 1],
    ["third.crt", 0],
    ["short.crt", 1],
  ]);
  expect(credentials.inForce.trust.authorities).toHaveLength(4);
  expect(credentials.findings).toMatchObject([
    {
      source: path("third.crt"),
      problem: expect.stringContaining("it does not count beside the others: the names of") as string,
    },
  ]);
});
