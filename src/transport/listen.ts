import type { Server } from "node:net";
import { type Address, formatAddress } from "../address.js";
import { OperatorError } from "../errors.js";

/** Resolves when the server listens. @throws OperatorError when the address cannot be had */
export async function listenOn(server: Server, address: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const why = whyNot[(error as NodeJS.ErrnoException).code ?? ""] ?? (error as Error).message;
    throw new OperatorError(`cannot listen on ${formatAddress(address)}: ${why}`, [], { cause: error });
  });
}

const whyNot: Readonly<Record<string, string>> = {
  EADDRINUSE: "something else listens there",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "that port is only for privileged users",
  ENOTFOUND: "there is no host of that name",
};
