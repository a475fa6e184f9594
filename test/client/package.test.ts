import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

for (const name of ["aclog", "aclog/client"]) {
  test(`${name} gives the client to those who import the package`, async () => {
    const script = `import("${name}").then((exported) => console.log(Object.keys(exported).sort().join()))`;
    const { stdout } = await run(process.execPath, ["-e", script], { cwd: root });
    assert.equal(stdout, "CallError,Client,ClientClosed,CredentialsError,QueueFull\n");
  });
}

/** Uses every type that a caller may want to name. */
const program = `
import { CallError, Client, ClientClosed, CredentialsError } from "aclog";
import type {
  Batches, CallOptions, CertificateFiles, ChangeTopicOptions, CloseOptions, CommitOffsetOptions, CommittedOffset,
  ConnectOptions, ConsumeOptions, ConsumeResult, ConsumedRecord, CreateTopicOptions, FetchedOffset, FieldViolation,
  FollowOptions, HeaderInput, ImportOptions, ImportProgress, ImportResult, ListOffsetsOptions, ListTopicsOptions,
  OffsetOptions, Offsets, Pem, ProduceManyOptions, ProduceOptions, ProduceResult, QuotaViolation, ReadOptions,
  RecordInput, StartingPoint, TenantOptions, TopicInfo, TopicOptions, TopicSettings, TopicSettingsInput, Topics,
  TruncateTopicOptions, UpdateTopicOptions,
} from "aclog";

export type Everything = [
  Batches, CallOptions, CertificateFiles, ChangeTopicOptions, CloseOptions, CommitOffsetOptions, CommittedOffset,
  ConnectOptions, ConsumeOptions, ConsumeResult, ConsumedRecord, CreateTopicOptions, FetchedOffset, FieldViolation,
  FollowOptions, HeaderInput, ImportOptions, ImportProgress, ImportResult, ListOffsetsOptions, ListTopicsOptions,
  OffsetOptions, Offsets, Pem, ProduceManyOptions, ProduceOptions, ProduceResult, QuotaViolation, ReadOptions,
  RecordInput, StartingPoint, TenantOptions, TopicInfo, TopicOptions, TopicSettings, TopicSettingsInput, Topics,
  TruncateTopicOptions, UpdateTopicOptions,
];

const files = { ca: "ca.crt", cert: "client.crt", key: "client.key" };
await using client = Client.connect({ address: ["localhost:8400", "localhost:8401"], files });
Client.connect({ address: "localhost:8400", credentials: async () => ({ ca: "", cert: "", key: "" }) });
// @ts-expect-error one way to give certificates excludes the others
Client.connect({ address: "localhost:8400", files, ca: "", cert: "", key: "" });
try {
  const { offset }: { offset: bigint } = await client.produce("v", { topic: "orders", timeoutMs: 5 });
  for await (const { value } of client.follow({ from: offset })) console.log(value.toString());
  for await (const { records, highWaterMark } of client.followBatches()) console.log(records.at(-1)?.offset === highWaterMark);
  for await (const topic of client.topics.list()) console.log(topic.settings.retentionMs?.toFixed());
  const { lastOffset = 0n }: { lastOffset: bigint | undefined } = await client.import([["v"]], { onProgress: ({ bytes }) => bytes });
  await client.offsets.commit({ group: "g", offset: lastOffset + 1n });
  await client.topics.update("orders", { settings: { retentionMs: null } });
} catch (error) {
  if (error instanceof CallError) console.log(error.facts["decision"], error.quotaViolations[0]?.subject);
  if (error instanceof ClientClosed || error instanceof CredentialsError) console.log(error.cause);
}
`;

test("a strict TypeScript program compiles against the package's own types", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aclog-package-"));
  try {
    await mkdir(join(directory, "node_modules"));
    await symlink(root, join(directory, "node_modules/aclog"));
    await symlink(join(root, "node_modules/@types"), join(directory, "node_modules/@types"));
    await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
    await writeFile(join(directory, "program.ts"), program);
    const compilerOptions = {
      target: "ES2023",
      lib: ["ES2023", "ESNext.Disposable"],
      module: "NodeNext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noPropertyAccessFromIndexSignature: true,
      noEmit: true,
    };
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const { stdout } = await run(process.execPath, [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      directory,
    ]).catch((error: unknown) => error as { readonly stdout: string });
    assert.equal(stdout, "");
  } finally {
    await rm(directory, { recursive: true });
  }
});
