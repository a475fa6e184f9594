/** What a policy can speak about. One word each; a method that needs none of them is not open to callers. */
export const actions = ["produce", "consume", "describe", "create", "delete", "admin"] as const;
export type Action = (typeof actions)[number];

/** How a refusal says what was not allowed: `acme/nobody may not produce to acme/orders`. */
export const actionPhrases: Readonly<Record<Action, string>> = {
  produce: "produce to",
  consume: "consume from",
  describe: "describe",
  create: "create",
  delete: "delete",
  admin: "administer",
};

export function isAction(word: string): word is Action {
  return (actions as readonly string[]).includes(word);
}
