import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation, service } from "grpc-health-check";
import type { MethodAccess } from "../transport/index.js";
import { fileDescriptors } from "../wire/descriptors.js";

/** The names that health is asked about: the server as a whole, and each service of the log. */
const healthServices = [
  "",
  "log.v1.Log",
  "log.v1.Topics",
  "log.v1.Offsets",
  "policy.v1.Policy",
  "admin.v1.Connections",
];

/** `grpc.health.v1.Health`, for everyone whom the handshake let in. */
export class Health {
  readonly access: Readonly<Record<string, MethodAccess>> = Object.fromEntries(
    Object.values(service).map(({ path }) => [path, "open"]),
  );
  readonly #implementation = new HealthImplementation();

  setServing(serving: boolean): void {
    for (const name of healthServices) this.#implementation.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  }

  addToServer(server: Server): void {
    this.#implementation.addToServer(server);
  }
}

/**
 * The largest request that reflection reads, in bytes: it comes back in the answer, twice where nothing is found. While more
 * than 4,096 bytes of a call's answers wait, Node 20 writes to the connection each time that more of the call comes in; if
 * the peer has reset it by then, the process can end by a segmentation fault. See
 * docs/decisions/2026-11-21-small-reflection-answers.md.
 */
const maxReflectionRequestBytes = 512;

/** Server reflection, for everyone whom the handshake let in. Lists health too. */
export class Reflection {
  readonly access: Readonly<Record<string, MethodAccess>> = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "open",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "open",
  };

  addToServer(server: Server): void {
    // Of a package definition it reads the descriptors alone, and those of proto-loader are of no use to other languages.
    const files = { fileDescriptorProtos: fileDescriptors() };
    const bounded = {
      addService: (definition: ServiceDefinition, handlers: UntypedServiceImplementation) =>
        server.addService(withSmallRequests(definition), handlers),
    };
    // It adds its services, and asks nothing else of a server.
    new ReflectionService({ files } as unknown as PackageDefinition).addToServer(bounded);
  }
}

function withSmallRequests(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      if (bytes.length > maxReflectionRequestBytes)
        throw new RangeError(`more than ${maxReflectionRequestBytes} bytes`);
      return method.requestDeserialize(bytes);
    };
    return [name, { ...method, requestDeserialize }] as const;
  });
  return Object.fromEntries(methods);
}
