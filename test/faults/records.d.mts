export function keyAt(offset: number): string;
export function valueOf(topicId: string, offset: number, attempt: number): string;
export function consumeResponseRecords(bytes: Buffer): { offset: number; value: Buffer; key: string }[];
