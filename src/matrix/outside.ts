/** A policy's matrix against a server that runs elsewhere and stays as it is: who gets in there, and who may do what. */
import { readFile } from "node:fs/promises";
import type { Address } from "../address.js";
import { type StatedCase, type StatedMatrix, readMatrix } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { whyUnreadable } from "../read-file.js";
import { Callers } from "./callers.js";
import { type CertificatePlaces, type Certificates, lackOf, lookForCertificates } from "./certificates.js";
import { bindingsIn } from "./crossed-disguises.js";
import { type Difference, differencesIn } from "./differences.js";
import { undeclaredAmong, victimAmong } from "./disguises.js";
import { knockFromOutside } from "./doorstep.js";
import { inLanes } from "./lanes.js";
import { type InForce, LivePolicy } from "./live-policy.js";
import { LiveServer } from "./live-server.js";
import { namedCertificates } from "./named-certificates.js";
import { NoAnswer, Patience, probeCell } from "./probe-cell.js";
import { provenance } from "./provenance.js";
import type { MatrixReport } from "./run.js";
import { type TriedCell, judgedByPolicy, untried } from "./try-cell.js";

export interface OutsideOptions {
  /** Folder of the matrix and of the policy that the server is to have. */
  readonly policyDir: string;
  /** Where the server is. */
  readonly address: Address;
  /** Its `ca` vouches for the server, too. */
  readonly certificates: CertificatePlaces;
  /** Ends the run, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number, what: "cells") => void;
}

/** Others are served there: so many principals are tried at a time, and so many connections kept beside. */
const width = 4;
const maxIdle = 2;

/**
 * Tries every case that the matrix states, and nothing comes of it: every call is one that the server judges and then refuses,
 * or that only reads. What cannot be asked in this way is asked of the policy there, if anybody at hand may.
 * @throws OperatorError when the files or the certificates cannot be used
 * @throws CallError when the server is not there, or does not prove to be the one
 */
export async function runMatrixOutside(options: OutsideOptions): Promise<MatrixReport> {
  const started = performance.now();
  const { certificates, signal } = options;
  const matrix = await readMatrix(options.policyDir);
  if (matrix.cases.length === 0) {
    throw new OperatorError(`${matrix.source} states nothing: there is nothing to try`);
  }
  const principals = [...new Set(matrix.cases.map(({ principal }) => principal))];
  const { lacking, ...found } = await lookForCertificates(principals, certificates);
  if (found.keysOf.size === 0) throw lackOf([...lacking.values()].flat(), found, certificates);
  const server = new LiveServer(options.address, await readAuthorities(certificates.ca));

  const absent = new Map([...lacking].map(([principal, findings]) => [principal, lackInWords(principal, findings)]));
  for (const [principal, problem] of await turnedAway(server, found)) absent.set(principal, problem);
  const present = principals.filter((principal) => !absent.has(principal));
  using callers = new Callers(server, found.keysOf, maxIdle);
  const patience = new Patience(signal);
  const policy = new LivePolicy(matrix, present, callers, patience);
  const before = await inForce(policy);
  const victim = victimAmong(matrix, present, found.keysOf);
  const undeclaredTenant = undeclaredAmong(matrix.tenants);
  const bindings = await bindingsIn(matrix, present, found.keysOf, certificates.ca);
  const { trial: authority, noAuthority } = found;
  const outsiders =
    victim === undefined
      ? []
      : await knockFromOutside(server, { victim, authority, noAuthority, bindings, undeclaredTenant });
  const cells = await tryCells({ matrix, absent, callers, policy, patience }, options);
  const after = await inForce(policy);

  const differences = [
    ...differencesIn(matrix.source, cells, outsiders, new Map(), [], "the policy here"),
    ...drift(matrix, server.address, before, after),
  ];
  return {
    ok: differences.length === 0,
    matrix: matrix.source,
    policyVersion: matrix.policyVersion,
    authorities: namedCertificates([server.ca, ...bindings.flatMap((each) => each.authorities)]),
    serverCertificates: server.certificates,
    outside: {
      address: server.address,
      policyVersion: before.version,
      askedBy: before.version === undefined ? undefined : before.askedBy,
      requestIds: server.requestIds,
    },
    cells,
    outsiders,
    differences,
    axes: undefined,
    issued: found.issued,
    hasAuthority: found.authority !== undefined,
    calls: server.calls,
    seconds: (performance.now() - started) / 1000,
    madeMs: Date.now(),
    by: provenance(),
  };
}

async function readAuthorities(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const findings = [{ source: path, problem: whyUnreadable(error) }];
    throw new OperatorError("who vouches for the server cannot be read:", findings, { cause: error });
  }
}

function lackInWords(principal: string, findings: readonly { readonly source: string; readonly problem: string }[]) {
  const files = findings.map(({ source, problem }) => `${source}: ${problem}`).join(", ");
  return `${principal} has no certificate here (${files})`;
}

/** Whom the server does not let in, although he has a certificate, and what is seen of it. */
async function turnedAway(server: LiveServer, { keysOf }: Certificates): Promise<ReadonlyMap<string, string>> {
  const away = new Map<string, string>();
  await inLanes(
    keysOf,
    async ([principal, keys]) => {
      const why = await server.whyNotIn(keys);
      if (why !== undefined) away.set(principal, `${principal} is not let in: ${why}`);
    },
    width,
  );
  return away;
}

async function inForce(policy: LivePolicy): Promise<InForce> {
  try {
    return await policy.inForce();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return { version: undefined, problem: `which policy is in force could not be asked: ${error.message}` };
  }
}

/** How the policy there differs from the one here, or from itself. */
function drift(matrix: StatedMatrix, address: string, before: InForce, after: InForce): readonly Difference[] {
  const problems = [before, after].flatMap((each) =>
    each.version === undefined && each.problem !== undefined ? [each.problem] : [],
  );
  if (before.version !== undefined && before.version !== matrix.policyVersion) {
    const here = `and that of ${matrix.source} is ${matrix.policyVersion}`;
    problems.push(`the policy in force at ${address} is version ${before.version}, ${here}`);
  }
  if (before.version !== undefined && after.version !== undefined && before.version !== after.version) {
    problems.push(`the policy at ${address} changed meanwhile, from version ${before.version} to ${after.version}`);
  }
  return [...new Set(problems)].map((problem) => ({ problem }));
}

interface Means {
  readonly matrix: StatedMatrix;
  /** Who cannot be tried, and why. */
  readonly absent: ReadonlyMap<string, string>;
  readonly callers: Callers;
  readonly policy: LivePolicy;
  readonly patience: Patience;
}

async function tryCells(
  { matrix, absent, callers, policy, patience }: Means,
  { signal, onProgress }: OutsideOptions,
): Promise<readonly TriedCell[]> {
  const tried = new Map<StatedCase, TriedCell>();
  const tryAs = async (principal: string, cells: readonly StatedCase[]): Promise<void> => {
    let why = absent.get(principal);
    for (const cell of cells) {
      signal?.throwIfAborted();
      try {
        const probed =
          why === undefined ? await callers.as(principal, (caller) => probeCell(cell, caller, patience)) : undefined;
        const done = why === undefined ? (probed ?? (await askPolicy(cell, policy))) : untried(cell, why);
        tried.set(cell, done);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        // Each further call would take as long to fail.
        why = error.message;
        tried.set(cell, untried(cell, why));
      }
      onProgress?.(tried.size, matrix.cases.length, "cells");
    }
  };
  const casesOf = new Map<string, StatedCase[]>();
  for (const cell of matrix.cases) casesOf.set(cell.principal, [...(casesOf.get(cell.principal) ?? []), cell]);
  await inLanes(casesOf, ([principal, cells]) => tryAs(principal, cells), width);
  return matrix.cases.map((cell) => tried.get(cell)!);
}

async function askPolicy(cell: StatedCase, policy: LivePolicy): Promise<TriedCell> {
  const { decision, problem = "nobody at hand may ask the policy there" } = await policy.decide(cell);
  if (decision !== undefined) return judgedByPolicy(cell, decision);
  return untried(cell, `it cannot be asked without effect, and ${problem}`);
}
