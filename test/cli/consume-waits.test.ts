/** `aclog consume --follow` and a server that is killed and started again, or lets a certificate in no more, as they are built. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { Client } from "../../src/client/index.js";
import { outcomeOf, run, start } from "./command.js";
import { Served, examplePlace } from "./served.js";

test("who follows a topic goes on past a server that is killed, says so, and past the end of its certificate, as whom its files say then; each record is printed once", async () => {
  await using place = await examplePlace();
  const within = (...names: string[]): string => join(place.path, ...names);
  let server = await Served.start(place.path);
  try {
    const port = server.ready.address.split(":").at(-1)!;
    const [cert, key] = ["crt", "key"].map((kind) => within("certs", "clients", "acme", `billing.${kind}`));
    const files = { ca: within("certs", "ca.crt"), cert: cert!, key: key! };
    await using producer = Client.connect({ address: `localhost:${port}`, files });
    await producer.produce("first", { topic: "orders" });
    const child = start(["consume", "--topic", "orders", "--follow", "--group", "readers"], server.as("acme/reports"));
    const ended = outcomeOf(child);
    await once(child.stdout, "data");

    await server.stop("SIGKILL");
    await once(child.stderr, "data");
    const kept = once(child.stderr, "data");
    await writeFile(within("certs", "clients", "acme", "reports.key"), "");
    await kept;
    const renewed = await run(["certs", "renew", "acme/reports", "--revoke-old"], { cwd: place.path });
    assert.equal(renewed.code, 0);
    const printed = once(child.stdout, "data");
    server = await Served.start(place.path, ["--listen", `127.0.0.1:${port}`]);
    await producer.produce("second", { topic: "orders" });
    await printed;

    const again = await run(["certs", "renew", "acme/reports", "--revoke-old"], { cwd: place.path });
    assert.equal(again.code, 0);
    await server.logged(/new certificates or revocation lists are in force/);
    const third = once(child.stdout, "data");
    await producer.produce("third", { topic: "orders" });
    await third;

    child.kill("SIGINT");
    const { stdout, stderr } = await ended;
    assert.equal(stdout, "first\nsecond\nthird\n");
    const [gone, before, back, ...more] = stderr.split("\n");
    assert.match(
      gone!,
      /^aclog: the server at localhost:\d+ is gone; trying again until it is back \(UNAVAILABLE: .*\)$/,
    );
    assert.match(before!, /reports\.crt, .* cannot be used: key: .*; going on with what was there before$/);
    assert.equal(back, "aclog: the server is back; going on");
    assert.deepEqual(more, [""]);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}, 60_000);
