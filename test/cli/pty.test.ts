import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { sendUnaryData, ServerReadableStream } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, test } from "vitest";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ImportResponse } from "../../src/wire/generated/log/v1/ImportResponse.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import { BareServer } from "../client/server.js";
import { outcomeOf, start, Workplace, type RunOptions } from "./command.js";
import { hasTerminals, OnTerminal, screenAfter } from "./pty.js";

const topicId = Buffer.alloc(16, 7);

let workplace: Workplace;
let server: BareServer;
let options: RunOptions;
/** Lets the server go on with what it holds back. */
let release: () => void;
/** Resolves once an import has begun. */
let begun: Promise<void>;
/** How often a topic was deleted. */
let deleted: number;

beforeEach(async () => {
  deleted = 0;
  const released = new Promise<void>((resolve) => (release = resolve));
  let begin: () => void;
  begun = new Promise((resolve) => (begin = resolve));
  workplace = await Workplace.make();
  server = await BareServer.start({
    // Takes the first batches and holds back the rest.
    Import: (
      call: ServerReadableStream<ProduceRequestOutput, ImportResponse>,
      answer: sendUnaryData<ImportResponse>,
    ) => {
      let count = 0;
      begin();
      call.on("data", ({ records }: ProduceRequestOutput) => {
        count += records.length;
        call.pause();
        void released.then(() => call.resume());
      });
      call.on("end", () =>
        answer(null, { count, firstOffset: 0, lastOffset: count - 1, bytes: 1024, seconds: 2, topicId }),
      );
    },
    Consume: (call, answer) => {
      const { offset } = call.request;
      const response: ConsumeResponse = {
        records: Array.from({ length: 2 }, (_, index) => ({
          offset: offset + BigInt(index),
          value: Buffer.from("value"),
        })),
        highWaterMark: 4,
        topicId,
      };
      // The second half waits.
      if (offset === 0n) answer(null, response);
      else void released.then(() => answer(null, response));
    },
    topics: {
      Delete: (_, answer) => {
        deleted++;
        answer(null, { topicId });
      },
    },
  });
  const { certPem, keyPem } = server.authority.issue({ principal: "acme/billing" });
  const clients = join(workplace.path, "certs/clients/acme");
  await mkdir(clients, { recursive: true });
  await writeFile(join(workplace.path, "certs/ca.crt"), server.authority.caPem);
  await writeFile(join(clients, "billing.crt"), certPem);
  await writeFile(join(clients, "billing.key"), keyPem);
  await writeFile(join(workplace.path, "lines.txt"), `${"x".repeat(99)}\n`.repeat(100_000));
  options = {
    cwd: workplace.path,
    env: { ACLOG_ADDRESS: `localhost:${server.port}`, ACLOG_AS: "acme/billing", TERM: "xterm" },
  };
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await workplace[Symbol.asyncDispose]();
});

describe.runIf(hasTerminals)("on a terminal", () => {
  test("an import shows how far it is, and at the end its table and nothing else", async () => {
    const importing = OnTerminal.start("import lines.txt", options);
    await importing.shows(/\[=*-+\] \d+% {2}[\d,]+ records {2}\S+ [KM]iB {2}[\d,]+\/s/);
    release();
    assert.deepEqual(await importing.ended(), {
      code: 0,
      screen:
        "records  100,000\noffsets  0 to 99999\nsent     1.0 KiB (1,024 bytes)\nseconds  2.00 (50,000 records/s)\n",
    });
  });

  test("a large consume into a file shows how far it is, and leaves no trace of it", async () => {
    const consuming = OnTerminal.start("consume > values.txt", options);
    await consuming.shows(/\[={12}-{12}\] 50% {2}2 records {2}10 B {2}/);
    release();
    assert.deepEqual(await consuming.ended(), { code: 0, screen: "" });
    assert.equal(await readFile(join(workplace.path, "values.txt"), "utf8"), "value\n".repeat(4));
  });

  test("records that come to the terminal come without a bar", async () => {
    const consuming = OnTerminal.start("consume", options);
    await consuming.shows(/value\r\nvalue\r\n/);
    // What begins later would be the later one to show something.
    const other = OnTerminal.start("consume > values.txt", options);
    await other.shows(/50%/);
    release();
    await other.ended();
    await consuming.ended();
    assert.equal(consuming.sent, "value\r\n".repeat(4));
  });

  test("Ctrl-C ends a consume at once and wipes its bar", async () => {
    const consuming = OnTerminal.start("consume > values.txt", options);
    await consuming.shows(/50%/);
    consuming.type("\x03");
    const { code, screen } = await consuming.ended();
    assert.equal(code, 128 + 2);
    assert.match(screen, /^(\^C)?$/);
  });

  test("a terminal that can do nothing is shown nothing", async () => {
    const dumb = OnTerminal.start("import lines.txt", { ...options, env: { ...options.env, TERM: "dumb" } });
    await begun;
    // What begins later would be the later one to show something.
    const other = OnTerminal.start("import lines.txt", options);
    await other.shows(/%/);
    release();
    await Promise.all([dumb.ended(), other.ended()]);
    assert.doesNotMatch(dumb.sent, /\x1b|%/);
  });

  const answers = [
    // typed            exit code, says                                   deleted
    ["orders\n", 0, /\ndeleted orders\n$/, 1],
    ["order\n", 1, /\naclog: that was not it: nothing was changed\n$/, 0],
    ["\n", 1, /\naclog: nothing was changed\n$/, 0],
    ["\x04", 1, /\naclog: nothing was changed\n$/, 0],
    ["\x03", 130, /: (\^C)?$/, 0],
  ] as const;
  for (const [typed, code, says, times] of answers) {
    test(`deleting a topic asks, and ${JSON.stringify(typed)} is answered with exit code ${code}`, async () => {
      const deleting = OnTerminal.start("topics delete orders", options);
      await deleting.shows(/^This removes orders and all its records for good\. Type orders to go on: $/);
      deleting.type(typed);
      const { code: exitCode, screen } = await deleting.ended();
      assert.equal(exitCode, code);
      assert.match(screen, says);
      assert.equal(deleted, times);
    });
  }

  test("with --yes nobody is asked", async () => {
    const deleting = OnTerminal.start("topics delete orders --yes", options);
    assert.deepEqual(await deleting.ended(), { code: 0, screen: "deleted orders\n" });
  });

  test("a long import off the terminal shows nothing meanwhile", async () => {
    const child = start(["import", "lines.txt"], options);
    const ended = outcomeOf(child);
    await begun;
    const other = OnTerminal.start("import lines.txt", options);
    await other.shows(/%/);
    release();
    const { code, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, ""]);
    await other.ended();
  });
});

test("the screen of these tests is that of a terminal", () => {
  assert.equal(screenAfter("\x1b7\x1b[1G[==] 5%\x1b[0K\x1b[1G[=]\x1b[0K"), "[=]");
  assert.equal(screenAfter("a\r\n\x1b7bar\x1b8\x1b[1G\x1b[2Kdone\r\n"), "a\ndone\n");
  assert.equal(screenAfter("\x1b7bar"), "bar");
  assert.throws(() => screenAfter("\x1b[5A"), /unknown command/);
});
