/** Reads what a server has after a crash, and holds it against the ledger. */
const limits = { maxRecords: 10_000, maxBytes: 3 << 20, timeoutMs: 60_000 };

/**
 * @param clients by tenant, each of whom may do everything in it
 * @param whole everything that is there; otherwise what was not checked before
 * @param isDiskBroken what the disk has dropped of a topic may be refused, until a start brings it back from the journal
 */
export async function check(ledger, clients, { whole, isDiskBroken = false }) {
  for (const [tenant, client] of clients) {
    const listed = [];
    for await (const info of client.topics.list({ timeoutMs: 60_000 })) listed.push(info);
    const there = new Set();
    for (const info of listed) {
      const name = `${tenant}/${info.topic}`;
      there.add(name);
      await checkTopic(ledger, client, name, info, whole).catch((error) => {
        if (!isDiskBroken || error.reason !== "TOPIC_STORAGE_FAILED") throw error;
      });
    }
    for (const name of ledger.names) if (name.startsWith(`${tenant}/`) && !there.has(name)) ledger.missing(name);
  }
  for (const key of ledger.positions) {
    const [tenant, topic, group] = key.split("/");
    const { offset } = await clients.get(tenant).offsets.fetch({ topic, group, timeoutMs: 60_000 });
    ledger.positionFound(key, offset);
  }
}

async function checkTopic(ledger, client, name, info, whole) {
  const { topic } = info;
  // Until the next start nobody knows whether it is deleted: the disk failed when that was to be made durable.
  if (ledger.isInDoubt(name, info.topicId) && (await isRefused(client, topic))) return;
  const life = ledger.found(name, info);
  const end = Number(info.highWaterMark);
  if (life.mayBeCompacted) life.gaps = [];
  if (whole) life.seen = new Set();
  let next = Math.max(whole ? 0 : life.checked, life.start);
  while (next < end) {
    const read = await readFrom(client, topic, next);
    if (read === undefined) {
      // Retention goes on meanwhile, and says so.
      const moved = ledger.found(name, await client.topics.describe(topic, { timeoutMs: 60_000 }));
      if (moved.start <= next) return ledger.broken("lost", `${name} does not give ${next}, which it says is there`);
      next = moved.start;
      continue;
    }
    if (read.records.length === 0) break;
    next = ledger.seen(name, read.topicId, read.records, next);
  }
  ledger.checkedTo(life, Math.max(end, next), next);
  ledger.judgeGaps(life);
}

async function isRefused(client, topic) {
  const refusal = await client.consume({ topic, ...limits }).then(
    () => undefined,
    (error) => error.reason,
  );
  return refusal === "TOPIC_STORAGE_FAILED";
}

/** Undefined: the offset is out of range. */
async function readFrom(client, topic, next) {
  try {
    return await client.consume({ topic, from: BigInt(next), ...limits });
  } catch (error) {
    if (error.codeName === "OUT_OF_RANGE") return undefined;
    throw error;
  }
}
