import { type CommitHeader, commitHeaderBytes } from "./commit.js";
import { type ProducerSection, decodeSection } from "./producer-section.js";
import { type Hint, type SegmentBytes, chunkOf, corrupt, walkTo } from "./segment-walk.js";

/** What a commit says of producers. */
export interface FoundSection {
  readonly section: ProducerSection;
  /** Of the commit. */
  readonly position: number;
  /** The commit's first offset. */
  readonly base: bigint;
}

/** What a stretch of a segment says of producers, and where the first commit of that stretch begins. */
export interface FoundSections {
  readonly position: number;
  readonly base: bigint;
  readonly sections: readonly FoundSection[];
}

/** What commits from the hint on say of producers, in order: those that begin before `end`. @throws RecordCorrupt */
export async function sectionsBefore(
  segment: SegmentBytes,
  hint: Hint | undefined,
  end: number,
): Promise<FoundSections> {
  const found: { readonly header: CommitHeader; readonly position: number; bytes: Buffer | undefined }[] = [];
  await walkTo(segment, hint, (header, at, chunk, inChunk) => {
    if (at >= end) return true;
    if (header.headerBytes === commitHeaderBytes) return false;
    const part = chunk.subarray(inChunk + commitHeaderBytes, inChunk + header.headerBytes);
    // A copy: the chunk is read into again.
    const isWhole = part.length === header.headerBytes - commitHeaderBytes;
    found.push({ header, position: at, bytes: isWhole ? Buffer.from(part) : undefined });
    return false;
  });
  const sections: FoundSection[] = [];
  for (const { header, position, bytes } of found) {
    const section = decodeSection(bytes ?? (await sectionBytes(segment, header, position)));
    if (section === undefined) throw corrupt(segment, position, "what the commit says of producers is damaged");
    sections.push({ section, position, base: header.base });
  }
  return { position: hint?.position ?? 0, base: hint?.base ?? segment.base, sections };
}

async function sectionBytes(segment: SegmentBytes, { headerBytes }: CommitHeader, position: number): Promise<Buffer> {
  const { bytes, lease } = await chunkOf(segment, position + commitHeaderBytes, headerBytes - commitHeaderBytes);
  const own = Buffer.from(bytes);
  lease.release();
  return own;
}
