/**
 * Whether grpc-js says of a call, in its status' details, that no connection ever came about for it: nothing of it was sent
 * anywhere. The words are those of grpc-js 1.14; tests provoke them.
 */
export function isUnreached(details: string): boolean {
  return /^(?:round_robin: )?No connection established|^Name resolution failed/.test(details);
}
