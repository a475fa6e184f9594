/** Why a certificate is revoked, with its number (RFC 5280, 5.3.1). What is only on hold is for other tools. */
export const reasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type Reason = keyof typeof reasons;
