/**
 * What callers of a server tried, were answered and have read, kept outside of it; and what therefore must be so, or may
 * be so, after a crash. Nothing in here asks the server: whoever does brings what it says.
 *
 * Offsets are numbers here, topic ids hex.
 */
import { Records } from "./records.mjs";

/** A batch has fewer records. */
const indexes = 1024;
const mostFindings = 50;

export class Ledger {
  /** `{ kind, text }` of each promise that was broken: lost, altered, duplicated or other. */
  findings = [];
  #records;
  #attempts = [];
  #topics = new Map();
  #positions = new Map();
  #acknowledged = 0;
  #read = 0;

  constructor(records) {
    this.#records = records;
  }

  get counts() {
    const lives = [...this.#topics.values()].flatMap(({ lives }) => [...lives.values()]);
    const of = (kind) => this.findings.filter((finding) => finding.kind === kind).length;
    return {
      attempts: this.#attempts.length,
      acked: this.#acknowledged,
      read: this.#read,
      topics: lives.length,
      deleted: lives.filter(({ deleted }) => deleted).length,
      lost: of("lost"),
      altered: of("altered"),
      duplicated: of("duplicated"),
      other: of("other"),
    };
  }

  broken(kind, text) {
    if (this.findings.length < mostFindings) this.findings.push({ kind, text });
  }

  // What callers say.

  /** Before it is sent: a batch of `count` records for a topic of that name (`TENANT/TOPIC`). */
  attempt(name, count) {
    const attempt = { number: this.#attempts.length, name, count, life: undefined, base: undefined, state: "open" };
    this.#attempts.push(attempt);
    this.topic(name).open.add(attempt);
    return attempt;
  }

  /** The answer: where the batch is now. */
  acknowledged(attempt, { offset, count, topicId }) {
    if (count !== attempt.count) this.broken("other", `${attempt.name}: ${count} of ${attempt.count} records answered`);
    this.storedSomewhere(attempt);
    const life = this.life(attempt.name, topicId.toString("hex"));
    const base = Number(offset);
    this.#settle(attempt, life, base);
    for (let index = 0; index < attempt.count; index++) this.#know(life, base + index, attempt, index);
  }

  /** An answer that does not say where. */
  storedSomewhere(attempt) {
    if (attempt.state !== "open") this.broken("duplicated", `${named(attempt)} was answered twice`);
    attempt.state = "acknowledged";
    this.#acknowledged += attempt.count;
  }

  /** An error of which it is certain that nothing is stored. */
  refused(attempt) {
    attempt.state = "out";
  }

  /** No answer, and none will come: it is stored or it is not, which the next check finds out for good. */
  unanswered(attempt) {
    if (attempt.state === "open") attempt.state = "unanswered";
  }

  /** What somebody read, in order, from `from` on if that is known; gives the offset behind it. */
  seen(name, topicId, records, from) {
    const life = this.life(name, topicId.toString("hex"));
    let next = from;
    let time = 0;
    for (const record of records) {
      if (record.timestampMs < time)
        this.broken("other", `${name} at ${record.offset}: earlier than the record before`);
      time = record.timestampMs;
      const offset = Number(record.offset);
      if (next !== undefined) this.#gap(life, next, offset);
      this.#see(life, offset, record);
      next = offset + 1;
    }
    this.#read += records.length;
    return next;
  }

  /** A topic's life is about to end; its start is about to move; its settings change. */
  deleting(name, topicId) {
    const life = this.life(name, topicId);
    life.deleting = true;
    return life;
  }

  deleted(life) {
    life.deleted = true;
  }

  /** Whether somebody asked for the end of the topic with this id, and was not told what came of it. */
  isInDoubt(name, topicId) {
    const life = this.topic(name).lives.get(topicId.toString("hex"));
    return life?.deleting === true && !life.deleted;
  }

  trimming(life, before) {
    life.startAtMost = Math.max(life.startAtMost, before);
  }

  trimmed(life, start) {
    life.start = Math.max(life.start, start);
  }

  configuring(life, { compact, retentionRecords, retentionBytes, retentionMs }) {
    if (compact) life.mayBeCompacted = true;
    if ((retentionRecords ?? retentionBytes ?? retentionMs ?? null) !== null) life.startAtMost = Infinity;
  }

  /** A consumer group's position: positions only grow here. */
  committing(key, offset) {
    const position = this.#positions.get(key) ?? { committed: undefined, attempted: undefined };
    this.#positions.set(key, { ...position, attempted: offset });
  }

  committed(key, offset) {
    this.#positions.get(key).committed = offset;
  }

  get positions() {
    return [...this.#positions.keys()];
  }

  // What a check after a crash brings.

  topic(name) {
    let topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, (topic = { name, lives: new Map(), open: new Set() }));
    return topic;
  }

  get names() {
    return [...this.#topics.keys()];
  }

  /** The life with this id, which begins to be known where it is met first. */
  life(name, id) {
    const topic = this.topic(name);
    let life = topic.lives.get(id);
    if (life === undefined) {
      life = { id, name, start: 0, startAtMost: 0, end: 0, checked: 0, known: [], times: [], lastOfKey: new Map() };
      Object.assign(life, { deleting: false, deleted: false, mayBeCompacted: false });
      const other = [...topic.lives.values()].find((each) => !each.deleting);
      if (other !== undefined)
        this.broken("lost", `${name} has the id ${id}, and had ${other.id}, which nobody deleted`);
      topic.lives.set(id, life);
    }
    if (life.deleted) this.broken("other", `${name} with the id ${id} was deleted and is there again`);
    return life;
  }

  /** What a tenant's list of topics says of one of them: gives its life. */
  found(name, { topicId, startOffset, highWaterMark, settings }) {
    if (!this.#topics.has(name)) this.broken("other", `nobody made ${name}`);
    const life = this.life(name, topicId.toString("hex"));
    const [start, end] = [Number(startOffset), Number(highWaterMark)];
    if (start < life.start) this.broken("other", `${name} begins at ${start}, and did at ${life.start} before`);
    if (start > life.startAtMost)
      this.broken("lost", `${name} begins at ${start}, and nobody let go past ${life.startAtMost}`);
    if (end < life.end) this.broken("lost", `${name} ends at ${end}, and ${life.end} was acknowledged or read`);
    life.start = Math.max(life.start, start);
    // Whatever was attempted is decided now: it was done, or never will be.
    const hasLimits = [settings.retentionRecords, settings.retentionBytes, settings.retentionMs].some(
      (l) => l !== undefined,
    );
    life.startAtMost = hasLimits ? Infinity : life.start;
    life.deleting = false;
    for (const other of this.topic(name).lives.values()) if (other !== life) other.deleted = true;
    return life;
  }

  /** No list has the topic. */
  missing(name) {
    const topic = this.topic(name);
    for (const life of topic.lives.values()) {
      if (!life.deleting && !life.deleted) this.broken("lost", `${name} with the id ${life.id} is gone`);
      life.deleted = true;
    }
    this.#decide(topic);
  }

  /** The life was read from `life.checked` (or its start) to `end`, all of it through `seen`. */
  checkedTo(life, end, last) {
    if (last !== undefined) this.#gap(life, last, end);
    life.checked = end;
    this.#decide(this.topic(life.name));
  }

  /** What a group's position is after a crash; undefined: there is none. */
  positionFound(key, offset) {
    const { committed, attempted } = this.#positions.get(key);
    const isRight = offset === undefined ? committed === undefined : offset >= (committed ?? 0n) && offset <= attempted;
    if (!isRight) this.broken("lost", `${key} is at ${offset}, committed ${committed}, attempted ${attempted}`);
    this.#positions.set(key, { committed: offset, attempted: offset ?? attempted });
  }

  /**
   * Of what was acknowledged, behind a whole check: how much that found, and how much was let go by retention, compaction,
   * trimming or deletion. Anything else is lost.
   */
  tally() {
    const tally = { found: 0, removed: 0 };
    for (const attempt of this.#attempts) {
      const { state, life, base, count } = attempt;
      if (state !== "acknowledged") continue;
      for (let index = 0; index < count; index++) {
        const offset = base + index;
        if (life?.seen?.has(offset)) tally.found++;
        else if (life !== undefined && (life.deleted || offset < life.start || life.mayBeCompacted)) tally.removed++;
        else this.broken("lost", `${named(attempt)}: record ${index} was not found`);
      }
    }
    return tally;
  }

  /** As plain data, as evidence. */
  toJSON() {
    const lives = [...this.#topics.values()].flatMap(({ name, lives }) =>
      [...lives.values()].map(({ lastOfKey, times, known, seen, ...life }) => ({ name, ...life, known: known.length })),
    );
    const attempts = this.#attempts.map(({ life, ...attempt }) => ({ ...attempt, topicId: life?.id }));
    return {
      findings: this.findings,
      counts: this.counts,
      lives,
      positions: [...this.#positions].map(String),
      attempts,
    };
  }

  #see(life, offset, record) {
    const where = `${life.name} (${life.id}) at ${offset}`;
    const said = Records.attemptOf(record);
    const attempt = said && this.#attempts[said.number];
    if (
      attempt === undefined ||
      attempt.name !== life.name ||
      said.count !== attempt.count ||
      said.index >= said.count
    ) {
      this.broken("altered", `${where}: a record that nobody sent there (${JSON.stringify(said)})`);
      return;
    }
    const difference = this.#records.difference(attempt, said.index, record);
    if (difference !== undefined) this.broken("altered", `${where}: ${difference}, in ${named(attempt)}`);
    this.#settle(attempt, life, offset - said.index);
    this.#know(life, offset, attempt, said.index);
    const time = (life.times[offset] ??= record.timestampMs);
    if (time !== record.timestampMs) this.broken("altered", `${where}: of ${record.timestampMs} instead of ${time}`);
    life.seen?.add(offset);
  }

  /** An attempt is at one place, for good. */
  #settle(attempt, life, base) {
    if (attempt.base === undefined) {
      if (attempt.state === "out")
        this.broken("duplicated", `${named(attempt)} was not stored, and is there now at ${base}`);
      attempt.base = base;
      attempt.life = life;
    } else if (attempt.base !== base || attempt.life !== life) {
      const places = `${attempt.life.id} at ${attempt.base} and in ${life.id} at ${base}`;
      this.broken("duplicated", `${named(attempt)} is in ${places}`);
    }
  }

  /** An offset holds one record, for good. */
  #know(life, offset, attempt, index) {
    const code = attempt.number * indexes + index;
    const known = life.known[offset];
    if (known === code) return;
    if (known !== undefined) {
      const before = this.#attempts[Math.floor(known / indexes)];
      this.broken("altered", `${life.name} at ${offset}: ${named(attempt)} instead of ${named(before)}`);
      return;
    }
    life.known[offset] = code;
    life.end = Math.max(life.end, offset + 1);
    const { key } = this.#records.make(attempt, index);
    if (key !== "") life.lastOfKey.set(key, Math.max(life.lastOfKey.get(key) ?? 0, offset));
  }

  /** Offsets are dense but for what compaction took, which has a later record with its key. */
  #gap(life, from, to) {
    if (to < from) this.broken("other", `${life.name}: offset ${to} where ${from} belongs`);
    if (life.mayBeCompacted) life.gaps?.push([from, to]);
    else if (to > from && life.startAtMost < to) this.broken("lost", `${life.name} has nothing in [${from}, ${to})`);
  }

  /** Whether what compaction has taken was its to take: every later record is known by now. */
  judgeGaps(life) {
    for (const [from, to] of life.gaps ?? []) {
      for (let offset = Math.max(from, life.start); offset < to; offset++) {
        const code = life.known[offset];
        if (code === undefined) continue;
        const { key } = this.#records.make(this.#attempts[Math.floor(code / indexes)], code % indexes);
        if (key !== "" && life.lastOfKey.get(key) > offset) continue;
        this.broken(
          "lost",
          `${life.name} at ${offset}: compaction took what has ${key === "" ? "no key" : "the last of its key"}`,
        );
      }
    }
    life.gaps = undefined;
  }

  /** Everything that can be in the topic has been seen: what is not there will never be. */
  #decide(topic) {
    for (const attempt of topic.open) {
      // A client that outlives the crash may still send it.
      if (attempt.state === "open") continue;
      topic.open.delete(attempt);
      if (attempt.base !== undefined) continue;
      if (attempt.state === "unanswered") attempt.state = "out";
      else if (attempt.state === "acknowledged" && this.#isKept(topic))
        this.broken("lost", `${named(attempt)} is nowhere`);
    }
  }

  #isKept({ lives }) {
    const [life, ...others] = lives.values();
    return others.length === 0 && life !== undefined && !life.deleted && life.startAtMost === 0 && !life.mayBeCompacted;
  }
}

function named({ name, number, count, state }) {
  return `attempt ${number} for ${name} (${count} records, ${state})`;
}
