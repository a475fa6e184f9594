/**
 * Which names are valid, decided here and nowhere else.
 *
 * Names are ASCII and compared byte for byte. One that begins with `_` exists only where the server makes it:
 * clients, certificates and patterns can neither create nor match it; a literal policy row can name it.
 */

/** The platform's own tenant: server-wide methods are decided in it. No certificate can belong to it. */
export const systemTenant = "_system";

/** The topic that a request without a topic means. It exists in every tenant. */
export const defaultTopic = "default";

const tenantOrPrincipal = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const topic = /^[a-z0-9][a-z0-9._-]{0,199}$/;
const systemName = /^_[a-z0-9][a-z0-9._-]{0,61}$/;

/** What each kind of name looks like, for error messages. */
export const nameRules = {
  tenant: "1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit",
  principal: "1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit",
  topic: "1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit",
  group: "1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit",
} as const;

/** A tenant that a client may name or a certificate may carry. */
export function isTenantName(name: string): boolean {
  return tenantOrPrincipal.test(name);
}

/** The part of a principal after the slash. */
export function isPrincipalName(name: string): boolean {
  return tenantOrPrincipal.test(name);
}

/** A topic that a client may name. */
export function isTopicName(name: string): boolean {
  return topic.test(name);
}

/** A topic that a tenant makes: not `default`, which always exists, and none of those that only the server makes. */
export function isTenantMade(name: string): boolean {
  return name !== defaultTopic && isTopicName(name);
}

/** A consumer group that a client may name. */
export function isGroupName(name: string): boolean {
  return topic.test(name);
}

/** A name that only the server makes, such as `_system` or `_audit`. */
export function isSystemName(name: string): boolean {
  return systemName.test(name);
}

/** Who calls, always with its home tenant. */
export interface Principal {
  readonly tenant: string;
  readonly name: string;
}

/** `acme/billing`: how a principal is written in policies, logs and messages. */
export function formatPrincipal(principal: Principal): string {
  return `${principal.tenant}/${principal.name}`;
}

/** Reads `tenant/name`; undefined unless both parts are valid names. */
export function parsePrincipal(text: string): Principal | undefined {
  const [tenant, name, ...rest] = text.split("/");
  if (tenant === undefined || name === undefined || rest.length > 0) return undefined;
  return isTenantName(tenant) && isPrincipalName(name) ? { tenant, name } : undefined;
}
