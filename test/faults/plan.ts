import type { Campaign, FaultCase, Outcome, RuleText } from "./campaign.js";
import { type Kind, kinds } from "./shim.js";

/** One kind of fault, at whichever call it meets. */
export type Series = Omit<FaultCase, "at">;

/** For each kind of call how it fails: once, from then on (`^`), or both, each for itself (`*`). */
const failures: readonly (readonly [kinds: string, actions: string])[] = [
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

function rulesOf(kinds: string, action: string): RuleText[] {
  const rule = { kinds, part: "any", action: action.replace(/[*^]/, "") };
  const once = action.endsWith("^") ? [] : [{ ...rule, lasting: "once" as const }];
  return /[*^]/.test(action) ? [...once, { ...rule, lasting: "on" }] : once;
}

const rules = failures.flatMap(([kinds, actions]) => actions.split(" ").flatMap((action) => rulesOf(kinds, action)));

/** Everything that is tried: of a life from the first start on, and of a start behind a crash. */
export const plan: readonly Series[] = (["whole", "recovery"] as const).flatMap((life) =>
  rules.map((rule) => ({ rule, life })),
);

/** One case of each series, at a call that the seed chooses. */
export async function sample(campaign: Campaign, random: () => number): Promise<FaultCase[]> {
  const most = new Map<string, Readonly<Record<Kind, number>>>();
  for (const life of ["whole", "recovery"] as const) {
    const rule = { kinds: "any", part: "any", action: "EIO", lasting: "once" } as const;
    most.set(life, (await campaign.run({ rule, life, at: 0 })).state.counts);
  }
  return plan.map((series) => {
    const counts = most.get(series.life)!;
    const names: readonly Kind[] =
      series.rule.kinds === "any" ? kinds : kinds.filter((kind) => series.rule.kinds.split("+").includes(kind));
    const calls = names.reduce((sum, name) => sum + counts[name], 0);
    return { ...series, at: 1 + Math.floor(random() * calls) };
  });
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
