import { setImmediate as nextTurn } from "node:timers/promises";

/** A file that is not PEM as it should be, and why. */
export class PemError extends Error {}

/** Certificates too, to OpenSSL: passed over, an authority would be left out without a word. */
const otherCertificates: ReadonlySet<string> = new Set(["TRUSTED CERTIFICATE", "X509 CERTIFICATE"]);

const line = /^-----(BEGIN|END) ([A-Z0-9 ]+)-----$/;

/**
 * The DER of every block with this label, in order; blocks with others are passed over, as is text between blocks. Strict,
 * because what is left out of a file that was cut or damaged would be left out silently: an authority, or a revocation list.
 *
 * @throws PemError when a block is damaged, cut short, unlabelled, or a certificate under one of OpenSSL's own labels
 */
export async function pemBlocks(bytes: Buffer, label: string): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  let open: { readonly label: string; readonly start: number } | undefined;
  for (const { text, start, end } of markers(bytes)) {
    const [, kind, named] = line.exec(text) ?? [];
    if (kind === undefined || named === undefined)
      throw new PemError(`a line that marks nothing: ${text.slice(0, 40)}`);
    if (kind === "BEGIN") {
      if (open !== undefined) throw new PemError(`a ${open.label} without an end`);
      open = { label: named, start: end };
    } else {
      if (open?.label !== named) throw new PemError(`the end of a ${named} without its beginning`);
      if (label === "CERTIFICATE" && otherCertificates.has(named))
        throw new PemError(`a ${named}: \`openssl x509\` makes a ${label} of it`);
      if (named === label) blocks.push(await decode(bytes.subarray(open.start, start)));
      open = undefined;
    }
  }
  if (open !== undefined) throw new PemError(`a ${open.label} without an end`);
  return blocks;
}

const dashes = Buffer.from("-----");

/** The lines that have five dashes in them; `end` is behind the line. */
function* markers(bytes: Buffer): Generator<{ readonly text: string; readonly start: number; readonly end: number }> {
  for (let at = bytes.indexOf(dashes); at !== -1;) {
    const start = bytes.lastIndexOf(0x0a, at) + 1;
    const newline = bytes.indexOf(0x0a, at);
    const end = newline === -1 ? bytes.length : newline;
    // What is no marker is reported, and need not be shown whole.
    yield { text: bytes.toString("latin1", start, Math.min(end, start + 100)).replace(/\r$/, ""), start, end };
    at = bytes.indexOf(dashes, end);
  }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Of a body, so much at a time: a list of 30 MiB would keep everyone else waiting for half a second. */
const sliceBytes = 256 * 1024;

async function decode(body: Buffer): Promise<Buffer> {
  const decoded: Buffer[] = [];
  let rest = "";
  for (let at = 0; at < body.length || at === 0; at += sliceBytes) {
    if (at > 0) await nextTurn();
    const isLast = at + sliceBytes >= body.length;
    const text = rest + body.toString("latin1", at, at + sliceBytes).replace(/[ \t\r\n]+/g, "");
    const whole = isLast ? text.length : text.length - (text.length % 4);
    decoded.push(decodeText(text.slice(0, whole), isLast));
    rest = text.slice(whole);
  }
  return Buffer.concat(decoded);
}

function decodeText(text: string, isLast: boolean): Buffer {
  const decoded = Buffer.from(text, "base64");
  // Padding has its place at the end, and the bits that the last character has too many must be none: else two texts
  // would be one list.
  const isWhole = decoded.length === (text.length / 4) * 3 || (isLast && text.endsWith("="));
  const isExact = isWhole && text.endsWith(decoded.subarray(-((decoded.length - 1) % 3) - 1).toString("base64"));
  if (text.length % 4 !== 0 || !base64.test(text) || !isExact) throw new PemError("a block that is not base64");
  return decoded;
}
