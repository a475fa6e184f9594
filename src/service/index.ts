/** What the log does for a caller who is allowed to: produce, consume, follow. */
export { type Consumed, LogService, type Produced, type StartAt } from "./log-service.js";
