/** Which of the figures of a run a row is about. */

export const perSecond = { unit: "records/s", better: "more", value: ({ rate }) => rate };
export const median = { unit: "ms at p50", better: "less", value: ({ p50 }) => p50 };
