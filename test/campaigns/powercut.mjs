/** `make powercut`. What it does and how to run a case again: README.md. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Campaign } from "./campaign.mjs";
import { Ext4, whyNoExt4 } from "./ext4.mjs";
import { Place } from "./place.mjs";
import { flagsOf, obeyStopSignals, progressOf, report } from "./report.mjs";

const help = `make powercut CRASH="[FLAGS]", or after make build: node test/campaigns/powercut.mjs [FLAGS]

  --cycles N   how often the power is cut; 100 unless told
  --seed S     whatever text, for the same moments and the same records again
  --json       one object instead of words
  --help       this

Exit code 1: a promise was broken, and what is left of it is kept; 3: this machine cannot do it, and nothing was tried.
`;
const flags = flagsOf("powercut", help, { cycles: 100 });
const problem = await whyNoExt4();
if (problem !== undefined) {
  process.stderr.write(`powercut: not possible here: ${problem}\n`);
  process.exit(3);
}

/** Ways in which ext4 can leave what was not synced: with fewer of its own precautions, or with what was there before. */
const mountOptions = [
  [],
  ["noauto_da_alloc"],
  ["noauto_da_alloc", "commit=300"],
  ["noauto_da_alloc", "data=writeback"],
  ["noauto_da_alloc", "nodelalloc", "data=writeback", "commit=1"],
];

const place = await Place.make("powercut");
const disk = await Ext4.make(join(place.directory, "image"), join(place.directory, "disk"), { bytes: 16 * 2 ** 30 });
place.data = join(disk.path, "data");
await disk.mount();

async function cutPower(server, random, onBroken) {
  const order = random.below(4);
  // What is written behind the kill has the page cache to itself for a moment.
  if (order === 0) {
    await server.kill();
    await delay(random.spread(1, 50));
  }
  onBroken();
  await disk.cutPower();
  // The server goes on without its disk: nothing that it answers now may be an acknowledgement.
  if (order === 1) await delay(random.spread(1, 200));
  await server.kill();
  await disk.unmount();
  await disk.mount(random.pick(mountOptions));
}

const campaign = new Campaign({ place, seed: flags.seed, crash: cutPower });
obeyStopSignals("powercut", campaign);
try {
  await campaign.run(flags.cycles, progressOf("powercut", flags.cycles, flags));
} finally {
  await disk.unmount();
}
const { findings } = campaign;
const figures = campaign.figures();
if (findings.length > 0) await campaign.keepEvidence();
else await place.remove();
process.exitCode = report(
  "powercut",
  { figures, findings, evidence: findings.length > 0 ? place.directory : undefined },
  flags,
);
