import { isMap, isScalar, type YAMLMap } from "yaml";
import { isTenantName, nameRules } from "../names.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import { type TenantStanding, defaultTenantStanding } from "../tenant-standing.js";
import { Pace } from "./breathe.js";
import { type Findings, type Place, quote } from "./findings.js";
import { readLimits } from "./limits-yaml.js";
import type { SourceFile } from "./source-file.js";
import { readStanding } from "./standing-yaml.js";
import { StrictYaml } from "../strict-yaml.js";
import { didYouMean } from "../suggest.js";

const keysOfFile = ["tenants"];
/** What can be said about one tenant. A name alone declares it. */
const keysOfTenant = ["limits", "suspended", "ca"];

/** What the file says of a tenant. */
export interface DeclaredTenant {
  /** What it may use. */
  readonly limits: TenantLimits;
  readonly standing: TenantStanding;
}

/** One about which the file says nothing but its name. */
export const defaultTenant: DeclaredTenant = { limits: defaultTenantLimits, standing: defaultTenantStanding };

/** Reads `tenants.yaml`: the declared tenants, sorted. Names that were refused are left out. */
export async function parseTenants(file: SourceFile): Promise<ReadonlyMap<string, DeclaredTenant>> {
  if (file.text === undefined) return new Map();
  const pace = new Pace();
  const yaml = await StrictYaml.parse(file.text, {
    report: (place, problem) => file.findings.error(place, problem),
    pause: () => pace.step(),
  });
  return yaml === undefined ? new Map() : await new TenantsFile(yaml, file.findings).read(pace);
}

class TenantsFile {
  readonly #yaml: StrictYaml;
  readonly #findings: Findings;

  constructor(yaml: StrictYaml, findings: Findings) {
    this.#yaml = yaml;
    this.#findings = findings;
  }

  async read(pace: Pace): Promise<ReadonlyMap<string, DeclaredTenant>> {
    const { contents } = this.#yaml.document;
    if (!this.#isMap(contents, "this file")) return new Map();
    const tenants = contents.get("tenants", true);
    if (tenants === undefined) this.#findings.error(this.#of(contents), `the key ${quote("tenants")} is missing`);
    this.#refuseOthers(contents, keysOfFile);
    const isThere = tenants !== undefined && this.#isMap(tenants, quote("tenants"));
    return isThere ? this.#readTenants(tenants, pace) : new Map();
  }

  /** From the keys as they are written: an object in between could lose one, such as `__proto__`. */
  async #readTenants(tenants: YAMLMap, pace: Pace): Promise<ReadonlyMap<string, DeclaredTenant>> {
    if (tenants.items.length === 0) this.#findings.error(this.#of(tenants), "at least one tenant must be declared");
    const read: [string, DeclaredTenant][] = [];
    for (const { key, value } of tenants.items) {
      const tenant = this.#readTenant(key, value);
      if (tenant !== undefined) read.push(tenant);
      await pace.step();
    }
    return new Map(read.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }

  #readTenant(key: unknown, value: unknown): [string, DeclaredTenant] | undefined {
    const name = isScalar(key) ? String(key.value) : "";
    const where = `tenants.${name}`;
    const isEmpty = isScalar(value) && value.value === null;
    if (!isEmpty && this.#isMap(value, quote(where))) this.#refuseOthers(value, keysOfTenant);
    const said = isMap(value) ? value.get("limits", true) : undefined;
    const placeOf = (node: unknown): Place => this.#of(node);
    const limits = readLimits(said, `${where}.limits`, this.#findings, placeOf);
    const standing = readStanding(value, where, this.#findings, placeOf);
    if (isTenantName(name)) return [name, { limits, standing }];
    this.#findings.error(this.#of(key), `${quote(name)} is not a tenant name: expected ${nameRules.tenant}`);
    return undefined;
  }

  #refuseOthers(map: YAMLMap, known: readonly string[]): void {
    for (const { key } of map.items) {
      const word = isScalar(key) ? String(key.value) : "";
      if (!known.includes(word))
        this.#findings.error(this.#of(key), `unknown key ${quote(word)}${didYouMean(word, known)}`);
    }
  }

  #isMap(node: unknown, where: string): node is YAMLMap {
    if (isMap(node)) return true;
    this.#findings.error(this.#of(node), `${where} must be a map, as in "tenants:" with "  acme: {}" below it`);
    return false;
  }

  #of(node: unknown): Place {
    return this.#yaml.placeOf(node);
  }
}
