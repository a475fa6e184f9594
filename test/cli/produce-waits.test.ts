/** A pipe into `aclog produce` and a server that goes away and comes back, both as they are built. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "vitest";
import { outcomeOf, start } from "./command.js";
import { Served, examplePlace } from "./served.js";

/** They and a start take longer than the two seconds after which a server is given up that was never reached. */
const attempts = 4;

/** Lets nobody in at a port. */
class Nobody implements AsyncDisposable {
  readonly #server = createServer();

  /** Resolves when so many connections were tried. */
  async turnsAway(count: number, port: number): Promise<void> {
    await once(this.#server.listen(port, "127.0.0.1"), "listening");
    for (let seen = 0; seen < count; seen++) {
      const [socket] = (await once(this.#server, "connection")) as [Socket];
      socket.on("error", () => undefined).resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}

test.concurrent(
  "a pipe whose server is killed says once that it waits and once that it is back, and goes on: each line is stored once",
  async () => {
    await using place = await examplePlace();
    let server = await Served.start(place.path);
    try {
      const port = Number(server.ready.address.split(":").at(-1));
      const child = start(["produce", "--topic", "orders"], server.as("acme/billing"));
      const ended = outcomeOf(child);
      child.stdin.write("answered\n");
      await once(child.stdout, "data");
      await server.stop("SIGKILL");
      child.stdin.write("while it is gone\n");
      {
        await using nobody = new Nobody();
        const tooSoon = ended.then(({ stderr }) => assert.fail(`it gave up: ${stderr}`));
        await Promise.race([nobody.turnsAway(attempts, port), tooSoon]);
      }
      server = await Served.start(place.path, ["--listen", `127.0.0.1:${port}`]);
      child.stdin.end("when it is back\n");
      const { code, stdout, stderr } = await ended;
      assert.deepEqual([code, stdout], [0, "0\n1\n2\n"], stderr);
      assert.equal(
        stderr,
        `aclog: the server at localhost:${port} is gone; waiting up to 30 s for it\naclog: the server is back; going on\n`,
      );
      const { stdout: stored } = await server.aclog("acme/reports", [
        "consume",
        "--topic",
        "orders",
        "--from",
        "earliest",
      ]);
      assert.equal(stored, "answered\nwhile it is gone\nwhen it is back\n");
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
  30_000,
);

test.concurrent("a server that stops in the middle of lines invites nobody to send them again", async () => {
  await using place = await examplePlace();
  await using server = await Served.start(place.path);
  const producing = start(["produce", "--topic", "orders"], server.as("acme/billing"));
  const ended = outcomeOf(producing);
  producing.stdin.write("first\n");
  await once(producing.stdout, "data");
  const stopped = server.stop("SIGTERM");
  const { code, stdout, stderr } = await ended;
  assert.equal((await stopped).code, 0);
  assert.deepEqual([code, stdout], [1, "0\n"]);
  assert.match(stderr, /UNAVAILABLE.*\n.*up to offset 0; .*--expected-offset 1,/);
  assert.doesNotMatch(stderr, /Trying again/);
});
