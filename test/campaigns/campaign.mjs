/**
 * Crash after crash on the same data: starts a server, checks what it has against the ledger, puts load on it and takes it
 * away again, in the midst of the load, of a start or of a stop.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { check } from "./check.mjs";
import { Ledger } from "./ledger.mjs";
import { Load } from "./load.mjs";
import { tenants } from "./place.mjs";
import { Random } from "./random.mjs";
import { Records } from "./records.mjs";
import { Server } from "./server.mjs";

const wholeEvery = 50;
const longestLoadMs = 3000;

export class Campaign {
  #place;
  #crash;
  #seed;
  #ledger;
  #records;
  #isStopping = false;
  /** Its disk is gone, and what calls end with then is not judged. */
  #isBroken = false;
  /** Streams end as the kernel lets them. */
  #isKilled = false;
  #starts = [];
  #moments = { "under load": 0, "while starting": 0, "while stopping": 0 };
  #checks = { whole: 0, new: 0 };
  #tally = { found: 0, removed: 0 };

  /**
   * @param crash `crash(server, random, onBroken)` takes the server away for good, and leaves its data as a crash does;
   *   calls `onBroken` before it makes calls fail in other ways than by the server's end
   */
  constructor({ place, seed, crash }) {
    this.#place = place;
    this.#seed = seed;
    this.#crash = crash;
    this.#records = new Records(seed);
    this.#ledger = new Ledger(this.#records);
    // The server makes these by itself.
    for (const tenant of tenants) this.#ledger.topic(`${tenant}/default`);
  }

  /**
   * Runs the cycles, then checks everything once more and stops in good order; ends early at the first broken promise, and
   * when it is told to stop.
   * @param onCycle told the number of each crash that is over, and the figures so far
   */
  async run(cycles, onCycle) {
    for (let cycle = 0; cycle < cycles && this.#isWhole && !this.#isStopping; cycle++) {
      await this.#cycle(cycle, new Random(this.#seed, "cycle", cycle));
      onCycle(cycle + 1, this.figures());
    }
    if (!this.#isWhole) return;
    const server = await this.#started(new Random(this.#seed, "end"));
    if (server === undefined) return;
    await this.#checked(true);
    if (this.#isWhole) this.#tally = this.#ledger.tally();
    // Otherwise it is evidence.
    if (this.#isWhole && (await server.kill("SIGTERM")) !== 0)
      this.#ledger.broken("other", "SIGTERM did not end it well");
    if (server.isRunning) await server.kill();
  }

  /** Lets the crash under way be the last one. */
  stop() {
    this.#isStopping = true;
  }

  figures() {
    const { lost, altered, duplicated, other, ...counts } = this.#ledger.counts;
    const crashes = Object.values(this.#moments).reduce((sum, count) => sum + count, 0);
    const longest = Math.round(Math.max(0, ...this.#starts));
    const kept = { ...this.#tally, lost, altered, duplicated, other };
    return {
      cycles: crashes,
      moments: this.#moments,
      checks: this.#checks,
      ...counts,
      ...kept,
      worstStartMs: longest,
      seed: this.#seed,
    };
  }

  get findings() {
    return this.#ledger.findings;
  }

  /** Writes down beside the data what the ledger knows. */
  async keepEvidence() {
    await writeFile(join(this.#place.directory, "ledger.json"), JSON.stringify(this.#ledger, undefined, 1));
  }

  get #isWhole() {
    return this.#ledger.findings.length === 0;
  }

  async #cycle(cycle, random) {
    const moment = random.below(10);
    if (moment < 3 && this.#starts.length > 0) return this.#crashWhileStarting(random);
    const server = await this.#started(random);
    if (server === undefined) return;
    await this.#checked(cycle % wholeEvery === wholeEvery - 1);
    if (!this.#isWhole) {
      await server.kill();
      return;
    }
    this.#isBroken = false;
    this.#isKilled = false;
    const load = new Load({
      place: this.#place,
      ledger: this.#ledger,
      records: this.#records,
      random,
      mayFail: (error) => this.#isBroken || (this.#isKilled && /RST_STREAM/.test(error.message)),
    });
    load.start();
    // From the first answer on to long after the first checkpoints; whatever becomes of it, the crash comes.
    await Promise.race([load.reach(random.spread(1, 4000)), delay(longestLoadMs)]);
    await delay(random.spread(0.5, 20));
    if (!server.isRunning) this.#ledger.broken("other", `the server ended by itself:\n${await server.lastLines()}`);
    if (moment === 9) {
      server.signal("SIGTERM");
      await delay(random.spread(1, 300));
      this.#moments["while stopping"]++;
    } else this.#moments["under load"]++;
    await this.#crashed(server, random);
    await this.#inTime(load.stop(), "a call has no end, although the server has gone");
  }

  /** Mostly in recovery, which is the last part of a start. */
  async #crashWhileStarting(random) {
    const usual = this.#starts.slice(-5).reduce((sum, ms, _, { length }) => sum + ms / length, 0);
    const server = this.#server(random);
    await delay(usual * (0.3 + 0.75 * random.next()));
    await this.#crashed(server, random);
    this.#moments["while starting"]++;
  }

  async #inTime(work, problem) {
    const late = new AbortController();
    const tooLate = delay(60_000, true, { signal: late.signal }).catch(() => false);
    if ((await Promise.race([work, tooLate])) === true) this.#ledger.broken("other", problem);
    late.abort();
  }

  async #crashed(server, random) {
    this.#isKilled = true;
    await this.#crash(server, random, () => (this.#isBroken = true));
  }

  #server(random) {
    return new Server(this.#place, { isSmall: random.chance(0.6) });
  }

  async #started(random) {
    const server = this.#server(random);
    try {
      await server.ready();
    } catch (error) {
      this.#ledger.broken("other", error.message);
      return undefined;
    }
    this.#starts.push(server.readyMs);
    return server;
  }

  async #checked(whole) {
    const clients = new Map(tenants.map((tenant) => [tenant, this.#place.connect(`${tenant}/root`)]));
    try {
      await check(this.#ledger, clients, { whole });
      this.#checks[whole ? "whole" : "new"]++;
    } catch (error) {
      this.#ledger.broken("other", `a check could not be made: ${error.stack}`);
    } finally {
      for (const client of clients.values()) await client.close();
    }
  }
}
