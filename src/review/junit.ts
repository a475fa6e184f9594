/** One suite: what was tried, how long it took, and of what failed what is wrong. */
export interface JunitSuite {
  readonly name: string;
  /** Where its cases stand, if they do. */
  readonly file?: string;
  readonly seconds: number;
  readonly cases: readonly JunitCase[];
}

export interface JunitCase {
  readonly name: string;
  /** What the case is about; that of its suite unless told. */
  readonly classname?: string;
  readonly seconds?: number | undefined;
  readonly failure?: string | undefined;
}

/** What is said of all suites of a report. */
export interface JunitHead {
  /** Of the whole. */
  readonly name: string;
  readonly seconds: number;
  /** Milliseconds since 1970. */
  readonly madeMs: number;
  /** The machine on which it was made. */
  readonly host: string;
  readonly properties: readonly (readonly [name: string, value: string])[];
}

/**
 * A report as JUnit XML, as CI servers read it. Of the attributes that are in use only those that Jenkins' xUnit plugin knows
 * (its junit-10.xsd): it refuses a file with any other.
 */
export function asJunit(head: JunitHead, suites: readonly JunitSuite[]): string {
  const { tests, failures } = totalsOf(suites.flatMap(({ cases }) => cases));
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(head.name)}" tests="${tests}" failures="${failures}" errors="0" time="${inSeconds(head.seconds)}">`,
    ...suites.flatMap((suite, id) => linesOf(suite, id, head)),
    "</testsuites>",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function linesOf({ name, file, seconds, cases }: JunitSuite, id: number, head: JunitHead): string[] {
  // Without a zone, as the schema of Ant's reports has it.
  const made = new Date(head.madeMs).toISOString().slice(0, 19);
  const { tests, failures } = totalsOf(cases);
  const place = file === undefined ? "" : ` file="${escaped(file)}"`;
  return [
    `  <testsuite name="${escaped(name)}" id="${id}"${place} hostname="${escaped(head.host)}" timestamp="${made}" tests="${tests}" failures="${failures}" errors="0" skipped="0" time="${inSeconds(seconds)}">`,
    `    <properties>${head.properties.map(([key, value]) => `<property name="${key}" value="${escaped(value)}"/>`).join("")}</properties>`,
    ...cases.map(({ name: title, classname = name, seconds: took = 0, failure }) => {
      const open = `    <testcase name="${escaped(title)}" classname="${escaped(classname)}" time="${inSeconds(took)}"`;
      if (failure === undefined) return `${open}/>`;
      return `${open}><failure message="${escaped(failure)}" type="difference"/></testcase>`;
    }),
    "  </testsuite>",
  ];
}

function totalsOf(cases: readonly JunitCase[]): { readonly tests: number; readonly failures: number } {
  return { tests: cases.length, failures: cases.filter(({ failure }) => failure !== undefined).length };
}

function inSeconds(seconds: number): string {
  return seconds.toFixed(3);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text for an attribute. Characters that XML has no way to write become a question mark. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (sign) => entities[sign]!)
    .replace(/[\t\n\r]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?");
}
