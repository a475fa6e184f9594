/** Whether every certificate makes its bearer the principal that it is kept as. */
import { once } from "node:events";
import { join } from "node:path";
import { type Finding, OperatorError } from "../errors.js";
import { inLanes } from "./lanes.js";
import { connectTls, localAddressOf } from "./sockets.js";
import type { ClientKeys, Stage } from "./stage.js";

/** Which of the certificates were made for this run, and where the others are. */
interface Made {
  readonly issued: readonly string[];
  readonly clients: string;
}

/**
 * Connects with each certificate, and asks the server who came in.
 * @throws OperatorError naming everyone who is not let in, or who is taken for somebody else
 */
export async function checkEntrances(
  stage: Stage,
  keysOf: ReadonlyMap<string, ClientKeys>,
  { issued, clients }: Made,
): Promise<void> {
  const findings: Finding[] = [];
  await inLanes([...keysOf], async ([principal, keys]) => {
    const problem = await problemWith(stage, principal, keys);
    if (problem === undefined) return;
    const stem = join(clients, principal);
    // Rules of his own authority may read other names than the matrix can guess.
    const next = `; the matrix made this certificate, as there is none: put his own into ${stem}.crt and ${stem}.key`;
    findings.push({ source: principal, problem: issued.includes(principal) ? problem + next : problem });
  });
  if (findings.length > 0) throw new OperatorError("not every principal of the matrix gets in:", findings);
}

async function problemWith(stage: Stage, principal: string, keys: ClientKeys): Promise<string | undefined> {
  const socket = connectTls(stage.port, { ...keys });
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect");
    const entrance = await stage.log.entranceOf(localAddressOf(socket));
    if (entrance.refusal !== undefined) return `is refused: ${entrance.refusal}`;
    return entrance.principal === principal ? undefined : `his certificate is that of ${entrance.principal}`;
  } finally {
    socket.destroy();
  }
}
