/** The whole matrix against a server of its own: who gets in, who does not, and what each of them can do. */
import { randomBytes } from "node:crypto";
import { type StatedCase, type StatedMatrix, readMatrix } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { systemTenant } from "../names.js";
import { type AxesReport, AxesTally } from "./axes-report.js";
import { combinations } from "./axes-plan.js";
import { tryAxes } from "./axes-threads.js";
import { Callers } from "./callers.js";
import { type CertificatePlaces, findCertificates } from "./certificates.js";
import { bindingsIn } from "./crossed-disguises.js";
import { type Difference, differencesIn } from "./differences.js";
import { undeclaredAmong, victimAmong } from "./disguises.js";
import { checkEntrances } from "./entrances.js";
import { inLanes } from "./lanes.js";
import { type NamedCertificate, namedCertificate, namedCertificates } from "./named-certificates.js";
import type { Outside } from "./outside-text.js";
import { type Outsider, tryOutsiders } from "./outsiders.js";
import { isOnTheWire, planLanes } from "./plan.js";
import { type Provenance, provenance } from "./provenance.js";
import { type ServerFiles, Stage } from "./stage.js";
import { Marks } from "./sweep.js";
import { TopicView } from "./topic-view.js";
import { type TriedCell, judgedByPolicy, tryCell } from "./try-cell.js";

export interface MatrixOptions {
  /** Folder of the matrix and of the policy that it is about. */
  readonly policyDir: string;
  /** Folder of the policy that the server is given, if it is to be another one. */
  readonly servedPolicyDir?: string;
  readonly server: ServerFiles;
  readonly certificates: CertificatePlaces;
  /** What of the axes is tried beside what the matrix states; nothing unless told. */
  readonly axes?: "pairs" | "all" | undefined;
  /** How many threads try the axes, each with a server of its own; one unless told. */
  readonly threads?: number;
  /** Ends the run, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number, what: "cells" | "combinations") => void;
}

export interface MatrixReport {
  /** True when everything came out as stated, and nobody got in who must not. */
  readonly ok: boolean;
  /** The file, as findings name it. */
  readonly matrix: string;
  readonly policyVersion: string;
  /** That vouch for clients, by the files here; those of all tenants first, then those that some are bound to. */
  readonly authorities: readonly NamedCertificate[];
  /** By which the server proves who it is. Where it runs elsewhere there may be several behind one address. */
  readonly serverCertificates: readonly NamedCertificate[];
  /** Of a server that runs elsewhere; undefined for one that was started for this. */
  readonly outside?: Outside | undefined;
  /** In the order of the file. */
  readonly cells: readonly TriedCell[];
  readonly outsiders: readonly Outsider[];
  readonly differences: readonly Difference[];
  /** Undefined when they were not tried. */
  readonly axes: AxesReport | undefined;
  /** Principals without a certificate, who were given one for this run. */
  readonly issued: readonly string[];
  /** False when the authority's key is not here, and nobody with its signature could be made to be refused. */
  readonly hasAuthority: boolean;
  /** Calls that the server answered. */
  readonly calls: number;
  readonly seconds: number;
  /** When it was done, in milliseconds since 1970. */
  readonly madeMs: number;
  readonly by: Provenance;
}

/**
 * Tries every case that the matrix states. Nothing that is already there is touched: server, port and data are made for
 * this and gone afterwards.
 * @throws OperatorError when the files or the certificates cannot be used
 */
export async function runMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const started = performance.now();
  const matrix = await readMatrix(options.policyDir);
  if (matrix.cases.length === 0) throw new OperatorError(`${matrix.source} states nothing: there is nothing to try`);
  const principals = [...new Set(matrix.cases.map(({ principal }) => principal))];
  const { keysOf, issued, authority, trial, noAuthority } = await findCertificates(principals, options.certificates);
  await using stage = await Stage.open(options.servedPolicyDir ?? options.policyDir, options.server);
  await checkEntrances(stage, keysOf, { issued, clients: options.certificates.clients });

  const victim = victimAmong(matrix, principals, keysOf)!;
  await new TopicView(stage.store, victim.tenant, victim.topic).prepare();
  const undeclaredTenant = undeclaredAmong(matrix.tenants);
  const bindings = await bindingsIn(matrix, principals, keysOf, options.server.ca);
  const knocking = { victim, authority: trial, noAuthority, bindings, undeclaredTenant };
  const outsiders = await tryOutsiders(stage, knocking);

  using callers = new Callers(stage, keysOf);
  const { cells, strays } = await tryCells(matrix, stage, callers, options);
  const differences = differencesIn(matrix.source, cells, outsiders, strays, stage.log.errors);
  const axes = options.axes === undefined ? undefined : await reportOnAxes(options.axes === "all", options);
  return {
    ok: differences.length === 0 && (axes === undefined || axes.differing === 0),
    matrix: matrix.source,
    policyVersion: matrix.policyVersion,
    authorities: namedCertificates([stage.ca, ...bindings.flatMap((each) => each.authorities)]),
    serverCertificates: [namedCertificate(stage.cert)],
    cells,
    outsiders,
    differences,
    axes,
    issued,
    hasAuthority: authority !== undefined,
    calls: stage.log.calls,
    seconds: (performance.now() - started) / 1000,
    madeMs: Date.now(),
    by: provenance(),
  };
}

async function reportOnAxes(isFull: boolean, { threads = 1, signal, onProgress }: MatrixOptions): Promise<AxesReport> {
  const tally = new AxesTally();
  await tryAxes({
    isFull,
    threads,
    signal,
    onProgress: (done, of) => onProgress?.(done, of, "combinations"),
    onTried: tally.add,
  });
  return tally.report(isFull, combinations);
}

/** Also what is stored of cells that were refused: the cell, and where its mark was found. */
async function tryCells(
  matrix: StatedMatrix,
  stage: Stage,
  callers: Callers,
  { signal, onProgress }: MatrixOptions,
): Promise<{ cells: readonly TriedCell[]; strays: ReadonlyMap<StatedCase, string> }> {
  const marks = new Marks(randomBytes(6).toString("hex"));
  const numbers = new Map(matrix.cases.map((cell, number) => [cell, number]));
  const tried = new Map<StatedCase, TriedCell>();
  await inLanes(planLanes(matrix), async ({ tenant, topic, cells }) => {
    const view = new TopicView(stage.store, tenant, topic);
    for (const cell of cells) {
      signal?.throwIfAborted();
      const mark = marks.of(numbers.get(cell)!);
      const mayProduce = matrix.decide({ ...cell, action: "produce" }) === "allow";
      // Of what should be allowed it is a difference anyway, and may have been denied for another action.
      const denials = cell.decision === "deny" ? { saidDenied: () => stage.log.takeDenial(cell) } : {};
      const done = isOnTheWire(cell)
        ? await callers.as(cell.principal, (caller) =>
            tryCell(cell, { caller, topic: view, mark, mayProduce, ...denials }),
          )
        : judgedByPolicy(cell);
      tried.set(cell, done);
      onProgress?.(tried.size, matrix.cases.length, "cells");
    }
  });
  const strays = new Map<StatedCase, string>();
  for (const [number, where] of await marks.stored(stage.store, [...matrix.tenants, systemTenant])) {
    const cell = matrix.cases[number]!;
    if (tried.get(cell)!.got === "deny") strays.set(cell, where);
  }
  return { cells: matrix.cases.map((cell) => tried.get(cell)!), strays };
}
