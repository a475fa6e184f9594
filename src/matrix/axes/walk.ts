/** Whether there is an action for every method that the server has: a new one without an attempt proves nothing by being left out. */
import { service as healthService } from "grpc-health-check";
import { logPackageDefinition } from "../../wire/definition.js";
import { actions } from "./actions.js";

/** Those of reflection, which its library defines as it is added to a server. */
const reflectionPaths = ["v1", "v1alpha"].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);

type Methods = Readonly<Record<string, { readonly path: string }>>;

/** Paths of all methods of all services. */
export function methodPaths(): readonly string[] {
  // A package definition has messages beside its services; those have a format.
  const services = Object.values(logPackageDefinition).filter((each) => !("format" in each)) as unknown as Methods[];
  const ofServices = [...services, healthService as unknown as Methods].flatMap((each) => Object.values(each));
  return [...ofServices.map(({ path }) => path), ...reflectionPaths];
}

/** Methods for which there is no action, and actions for which there is no method. */
export function unmatched(paths: readonly string[] = methodPaths()): readonly string[] {
  const tried = new Set(actions.map(({ path }) => path));
  const known = new Set(paths);
  return [
    ...paths.filter((path) => !tried.has(path)).map((path) => `${path} is tried by nothing`),
    ...[...tried].filter((path) => !known.has(path)).map((path) => `${path} is tried, and there is no such method`),
  ];
}
