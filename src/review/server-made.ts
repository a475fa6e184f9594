import { isSystemName } from "../names.js";
import type { Action } from "../authz/index.js";

/** The only ones that a rule opens on a topic that the server makes. */
const openable: ReadonlySet<Action> = new Set<Action>(["consume", "describe"]);

/** Whether nobody but the server itself may, whatever a rule says: it alone writes to topics whose names begin with `_`. */
export function isServersAlone(action: Action, topic: string): boolean {
  return isSystemName(topic) && !openable.has(action);
}
