import type { Campaign, FaultCase, Outcome, RuleText } from "./campaign.js";
import { type Kind, kinds } from "./shim.js";

/** One kind of fault, at whichever call it meets. */
export type Series = Omit<FaultCase, "at">;

/**
 * For each kind of call how it fails: once, from then on (`^`), or both, each for itself (`*`). Only few of the calls are on
 * the journal, and most depends on those.
 */
const failures: readonly (readonly [calls: string, actions: string])[] = [
  ["write journal", "EIO* ENOSPC* short"],
  ["sync journal", "EIO EIO+drop* ENOSPC+drop"],
  ["write", "EIO* ENOSPC* EDQUOT EROFS^ short*"],
  ["sync", "EIO* EIO+drop* ENOSPC ENOSPC+drop"],
  ["open", "EIO* EMFILE* ENFILE ENOSPC* EROFS^"],
  ["rename", "EIO* ENOSPC* EROFS^"],
  ["truncate", "EIO* ENOSPC"],
  ["unlink", "EIO* EROFS^"],
  ["read", "EIO* short*"],
  ["close", "EIO* ENOSPC"],
  ["mkdir+rmdir", "EIO* ENOSPC* EROFS^"],
  // A disk that goes, that fills up, or that the kernel makes read-only.
  ["any", "EIO^ EIO+drop^"],
  ["open+write+sync+rename+truncate+unlink+mkdir+rmdir", "ENOSPC^ EROFS^"],
  ["any", "kill-before kill-after"],
  ["write", "kill-half"],
];

function rulesOf(calls: string, action: string): RuleText[] {
  const [kinds = "", part = "any"] = calls.split(" ");
  const rule = { kinds, part, action: action.replace(/[*^]/, "") };
  const once = action.endsWith("^") ? [] : [{ ...rule, lasting: "once" as const }];
  return /[*^]/.test(action) ? [...once, { ...rule, lasting: "on" }] : once;
}

const rules = failures.flatMap(([calls, actions]) => actions.split(" ").flatMap((action) => rulesOf(calls, action)));

/** Everything that is tried: of a life from the first start on, and of a start behind a crash. */
export const plan: readonly Series[] = (["whole", "recovery"] as const).flatMap((life) =>
  rules.map((rule) => ({ rule, life })),
);

/** One case of each series from the first start on, and of each third behind a crash, at calls that the seed chooses. */
export async function sample(campaign: Campaign, random: () => number): Promise<FaultCase[]> {
  const countIn = async ({ life, rule: { part } }: Series): Promise<Readonly<Record<Kind, number>>> => {
    const rule = { kinds: "any", part, action: "EIO", lasting: "once" } as const;
    return (await campaign.run({ rule, life, at: 0 })).state.counts;
  };
  const most = new Map<string, Readonly<Record<Kind, number>>>();
  const first = Math.floor(random() * 3);
  const some = plan.filter(({ life }, index) => life === "whole" || index % 3 === first);
  const cases: FaultCase[] = [];
  for (const series of some) {
    const key = `${series.life} ${series.rule.part}`;
    const counts = most.get(key) ?? (await countIn(series));
    most.set(key, counts);
    const named = series.rule.kinds.split("+");
    const names = kinds.filter((kind) => named.includes("any") || named.includes(kind));
    const calls = names.reduce((sum, name) => sum + counts[name], 0);
    cases.push({ ...series, at: 1 + Math.floor(random() * calls) });
  }
  return cases;
}

/** Two cases at a time, of each series one after the other until the run no longer reaches the call. */
export async function runAll(
  campaign: Campaign,
  series: readonly Series[],
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  for (const each of series) {
    let at = 0;
    let isOver = false;
    await inPairs(async () => {
      if (isOver) return false;
      const outcome = await campaign.run({ ...each, at: ++at });
      onOutcome(outcome);
      // Beyond the last call of this run there may be none in the next one: then it is enough.
      if (outcome.state.reached < at) isOver = true;
      return true;
    });
  }
}

/** Two of them at a time. */
export async function runEach(
  campaign: Campaign,
  cases: readonly FaultCase[],
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const queue = cases.values();
  await inPairs(async () => {
    const next = queue.next();
    if (next.done === true) return false;
    onOutcome(await campaign.run(next.value));
    return true;
  });
}

/** Calls `step` again and again, two at a time, until it says that nothing is left. */
async function inPairs(step: () => Promise<boolean>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (await step());
  };
  await Promise.all([lane(), lane()]);
}
