/** What the log does for a caller who is allowed to: produce, consume, follow; topics; committed offsets. */
export {
  type Consumed,
  type ConsumedRecords,
  LogService,
  type Produced,
  type StartAt,
  streamReadBytes,
} from "./log-service.js";
export { type Traffic, noTraffic } from "./traffic.js";
export { OffsetService } from "./offset-service.js";
export { TopicService, type TopicState } from "./topic-service.js";
