import { isMap, isScalar, type YAMLMap } from "yaml";
import { z } from "zod";
import { isTenantName, nameRules } from "../names.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import { type TenantStanding, defaultTenantStanding } from "../tenant-standing.js";
import { breathe, Pace } from "./breathe.js";
import { type Findings, type Place, quote } from "./findings.js";
import { readLimits } from "./limits-yaml.js";
import type { SourceFile } from "./source-file.js";
import { readStanding } from "./standing-yaml.js";
import { StrictYaml } from "../strict-yaml.js";
import { didYouMean } from "../suggest.js";

/** What can be said about one tenant. A name alone declares it. */
const anything = z.unknown().optional();
const tenantShape = z.strictObject({ limits: anything, suspended: anything, ca: anything }).nullable();
const fileShape = z.strictObject({ tenants: z.record(z.string(), tenantShape) });

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
  return yaml === undefined ? new Map() : await new TenantsFile(yaml, file.findings).read();
}

class TenantsFile {
  readonly #yaml: StrictYaml;
  readonly #findings: Findings;

  constructor(yaml: StrictYaml, findings: Findings) {
    this.#yaml = yaml;
    this.#findings = findings;
  }

  async read(): Promise<ReadonlyMap<string, DeclaredTenant>> {
    await breathe();
    this.#checkShape();
    await breathe();
    const tenants = this.#yaml.document.get("tenants", true);
    return isMap(tenants) ? this.#readTenants(tenants) : new Map<string, DeclaredTenant>();
  }

  #checkShape(): void {
    const result = fileShape.safeParse(this.#yaml.document.toJS());
    for (const issue of result.error?.issues ?? []) {
      const parent =
        issue.path.length === 0 ? this.#yaml.document.contents : this.#yaml.document.getIn(issue.path, true);
      if (issue.code === "unrecognized_keys") {
        const known = issue.path.length === 0 ? Object.keys(fileShape.shape) : Object.keys(tenantShape.unwrap().shape);
        for (const key of issue.keys) {
          this.#findings.error(this.#ofKey(parent, key), `unknown key ${quote(key)}${didYouMean(key, known)}`);
        }
      } else if (issue.path.length > 0 && parent === undefined) {
        this.#findings.error(
          this.#of(this.#yaml.document.contents),
          `the key ${quote(issue.path.join("."))} is missing`,
        );
      } else {
        const where = issue.path.length === 0 ? "this file" : quote(issue.path.join("."));
        this.#findings.error(this.#of(parent), `${where} must be a map, as in "tenants:" with "  acme: {}" below it`);
      }
    }
  }

  /** From the keys as they are written: an object in between could lose one, such as `__proto__`. */
  #readTenants(tenants: YAMLMap): ReadonlyMap<string, DeclaredTenant> {
    if (tenants.items.length === 0) this.#findings.error(this.#of(tenants), "at least one tenant must be declared");
    const read = tenants.items.flatMap(({ key, value }): [string, DeclaredTenant][] => {
      const name = isScalar(key) ? String(key.value) : "";
      const said = isMap(value) ? value.get("limits", true) : undefined;
      const placeOf = (node: unknown): Place => this.#of(node);
      const limits = readLimits(said, `tenants.${name}.limits`, this.#findings, placeOf);
      const standing = readStanding(value, `tenants.${name}`, this.#findings, placeOf);
      if (isTenantName(name)) return [[name, { limits, standing }]];
      this.#findings.error(this.#of(key), `${quote(name)} is not a tenant name: expected ${nameRules.tenant}`);
      return [];
    });
    return new Map(read.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }

  #ofKey(parent: unknown, key: string): Place {
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    return this.#of(pair?.key);
  }

  #of(node: unknown): Place {
    return this.#yaml.placeOf(node);
  }
}
