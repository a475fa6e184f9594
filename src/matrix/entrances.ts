/** Whether every certificate makes its bearer the principal that it is kept as. */
import { once } from "node:events";
import { type Finding, OperatorError } from "../errors.js";
import { inLanes } from "./lanes.js";
import { connectTls, localAddressOf } from "./sockets.js";
import type { ClientKeys, Stage } from "./stage.js";

/**
 * Connects with each certificate, and asks the server who came in.
 * @throws OperatorError naming everyone who is not let in, or who is taken for somebody else
 */
export async function checkEntrances(stage: Stage, keysOf: ReadonlyMap<string, ClientKeys>): Promise<void> {
  const findings: Finding[] = [];
  await inLanes([...keysOf], async ([principal, keys]) => {
    const problem = await problemWith(stage, principal, keys);
    if (problem !== undefined) findings.push({ source: principal, problem });
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
