/** A name that was found, or why there is none: on one line, in ASCII. */
export type Reading = { readonly value: string } | { readonly problem: string };
