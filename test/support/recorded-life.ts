import type { FileStoreOptions } from "../../src/log/file-store-options.js";
import type { CrashDisk } from "./crash-disk.js";
import type { Life } from "./crash-lives.js";
import type { Told } from "./crash-survey.js";
import type { Recording } from "./disk-steps.js";
import { openStore } from "./log-harness.js";
import type { RecordedDisk } from "./recorded-disk.js";
import { TopicCaller } from "./topic-caller.js";
import { TopicLedger } from "./topic-ledger.js";

/** Those that a life has callers of. */
export const tenants = ["acme", "globex"] as const;

/** Before there is anything. */
export function nobodyWasTold(): Told {
  return new Map(tenants.map((tenant) => [tenant, new TopicLedger()]));
}

/** What is told by several ledgers, the same object as long as nothing changes. */
function teller(ledgers: () => readonly TopicLedger[]): () => Told {
  let last: { readonly text: string; readonly told: Told } | undefined;
  return () => {
    const now = ledgers();
    const text = JSON.stringify(now, (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
    if (last?.text !== text) {
      last = { text, told: new Map(tenants.map((tenant, index) => [tenant, now[index]!.snapshot()])) };
    }
    return last.told;
  };
}

/** Does what callers do from one start to a clean stop, on what is at `root`, and gives the recording of it. */
export async function recordLife(
  recorder: RecordedDisk,
  options: Partial<FileStoreOptions>,
  root: string,
  disk: CrashDisk,
  before: Told,
  life: Life,
): Promise<Recording<Told>> {
  let ledgers = tenants.map((tenant) => before.get(tenant)!.snapshot());
  recorder.watch(
    root,
    disk,
    teller(() => ledgers),
  );
  {
    await using open = await openStore(root, options);
    // From here on somebody has read it: what was not answered is in the log for good, or is not.
    ledgers = tenants.map((tenant, index) => TopicLedger.of(open.store, tenant, ledgers[index]!));
    const [caller, other] = tenants.map((tenant, index) => new TopicCaller(open.store, ledgers[index], tenant));
    await life(caller!, other!);
  }
  return recorder.stop<Told>();
}
