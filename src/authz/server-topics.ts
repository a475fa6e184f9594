/**
 * Topic names by which a policy speaks of the server itself: `admin` on one of them, in `_system` of all of it, in a tenant of
 * that tenant's part. No topic has to be there.
 */

/** The policy. */
export const policyTopic = "policy";

/** Who is connected. */
export const connectionsTopic = "connections";
