/** `make crash`. What it does and how to run a case again: README.md. */
import { Campaign } from "./campaign.mjs";
import { Place } from "./place.mjs";
import { flagsOf, obeyStopSignals, progressOf, report } from "./report.mjs";

const help = `make crash CRASH="[FLAGS]", or after make build: node test/campaigns/crash.mjs [FLAGS]

  --cycles N   how often the server is killed; 500 unless told
  --seed S     whatever text, for the same moments and the same records again
  --json       one object instead of words
  --help       this

Exit code 1: a promise was broken, and what is left of it is kept.
`;
const flags = flagsOf("crash", help, { cycles: 500 });
const place = await Place.make("crash");
const campaign = new Campaign({ place, seed: flags.seed, crash: (server) => server.kill() });
obeyStopSignals("crash", campaign);
await campaign.run(flags.cycles, progressOf("crash", flags.cycles, flags));
const { findings } = campaign;
const figures = campaign.figures();
if (findings.length > 0) await campaign.keepEvidence();
else await place.remove();
process.exitCode = report(
  "crash",
  { figures, findings, evidence: findings.length > 0 ? place.directory : undefined },
  flags,
);
