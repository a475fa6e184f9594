import { systemTenant } from "../names.js";
import type { Way, Ways } from "./admission.js";

/** `admin` on a topic name that stands for something of the server itself, in `_system`: all of it. */
export function wholeOf(topic: string): Way {
  return { action: "admin", tenant: systemTenant, topic };
}

/**
 * For what may concern one tenant alone: it is allowed to whoever administers the whole, or that tenant's part. A request that
 * names no tenant is about the whole.
 */
export function partOf(topic: string): (request: { readonly tenant: string }) => Ways {
  const whole = wholeOf(topic);
  return ({ tenant }) => {
    if (tenant === "" || tenant === systemTenant) return { any: [whole], told: whole };
    const part: Way = { action: "admin", tenant, topic };
    return { any: [whole, part], told: part };
  };
}
