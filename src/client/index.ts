/** The typed client: what `import { Client } from "aclog"` gives. */
export { CallError, type FieldViolation } from "./call-error.js";
export {
  Client,
  type ConsumeOptions,
  type ConsumeResult,
  type FollowOptions,
  type ProduceManyOptions,
  type ProduceOptions,
  type ProduceResult,
  type StartingPoint,
} from "./client.js";
export type { ConnectOptions } from "./channel.js";
export type { ConsumedRecord, HeaderInput, RecordInput } from "./records.js";
