/** Which file of the folder is whose, and that no name leads out of it. */
import { OperatorError } from "../errors.js";
import { formatPrincipal, isPrincipalName, isTenantName, nameRules, type Principal } from "../names.js";
import { isInnerPath } from "./files.js";

/** The server's own pair, without its endings. */
export const serverStem = "server";

// Valid names hold no separator and never begin with a dot.
export function clientStem(principal: Principal): string {
  return `clients/${formatPrincipal(principal)}`;
}

/** @throws OperatorError unless both parts of the principal are valid */
export function checkNames(principal: Principal): void {
  if (!isTenantName(principal.tenant)) {
    throw new OperatorError(`${JSON.stringify(principal.tenant)} is not a tenant name: ${nameRules.tenant}`);
  }
  if (!isPrincipalName(principal.name)) {
    throw new OperatorError(`${JSON.stringify(principal.name)} is not a principal name: ${nameRules.principal}`);
  }
}

/** @throws OperatorError unless it can be the name of an authority's files */
export function checkAuthorityName(stem: string): void {
  if (isInnerPath(stem) && !stem.includes("/") && stem.length <= 100 && stem !== serverStem) return;
  throw new OperatorError(
    `${JSON.stringify(stem)} cannot be the name of an authority's files: letters, digits, . _ and -, beginning with a letter or digit`,
  );
}

/**
 * Where else than in its usual place a certificate is to go.
 * @throws OperatorError when that would be outside of the folder, or the file of an authority
 */
export function checkPlace(stem: string, authorities: readonly string[]): void {
  if (!isInnerPath(stem) || stem.length > 200) {
    throw new OperatorError(
      `${JSON.stringify(stem)} is no place in the folder: letters, digits, . _ and -, and / between them; no ending`,
    );
  }
  if (authorities.some((authority) => authority.toLowerCase() === stem.toLowerCase())) {
    throw new OperatorError(`${stem}.crt is the certificate of an authority, which this would replace`);
  }
}
