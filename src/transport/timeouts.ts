/** Node takes a longer timeout, in milliseconds, for none at all: a timer that is set to it fires at once. */
export const longestTimeoutMs = 2 ** 31 - 1;
