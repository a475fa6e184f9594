/** In which order the cells of a matrix are tried. */
import { type Action, connectionsTopic, policyTopic, type StatedCase, type StatedMatrix } from "../authz/index.js";
import { isSystemName, systemTenant } from "../names.js";

/** The cells of one topic, to be tried one after the other: each of them may change it. */
export interface Lane {
  readonly tenant: string;
  readonly topic: string;
  readonly cells: readonly StatedCase[];
}

/** One lane for each topic; lanes have nothing to do with each other. */
export function planLanes({ cases }: StatedMatrix): readonly Lane[] {
  const lanes = new Map<string, { tenant: string; topic: string; cells: StatedCase[] }>();
  for (const cell of cases) {
    const key = `${cell.tenant}/${cell.topic}`;
    const lane = lanes.get(key) ?? { tenant: cell.tenant, topic: cell.topic, cells: [] };
    lanes.set(key, lane);
    lane.cells.push(cell);
  }
  for (const { cells } of lanes.values()) cells.sort((a, b) => rank(a) - rank(b));
  return [...lanes.values()];
}

/**
 * Whether there is a call that does it. But for administering the policy and asking who is connected, what is allowed in the platform's own tenant, or
 * on topics that only the server makes, has none; what is denied there can be tried like everything else.
 */
export function isOnTheWire({ tenant, topic, action, decision, rows }: StatedCase): boolean {
  const isServers = topic === policyTopic || topic === connectionsTopic;
  if (tenant === systemTenant && isServers && action === "admin") return true;
  const isServersOwn = tenant === systemTenant || isSystemName(topic);
  return !isServersOwn || decision === "deny" || rows.some(({ expected }) => expected === "deny");
}

// Making and removing a topic is slow: what needs none comes first, what takes it away last. Who may consume comes before
// who may not, so that there are positions which a list could give away.
const order: readonly Action[] = ["create", "produce", "consume", "describe", "admin", "delete"];

function rank({ action, decision }: StatedCase): number {
  const isLater = action === "consume" ? decision === "deny" : decision === "allow";
  return order.indexOf(action) * 2 + (isLater ? 1 : 0);
}
