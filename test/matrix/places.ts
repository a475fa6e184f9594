import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type MatrixOptions, type MatrixReport, runMatrix } from "../../src/matrix/index.js";
import { exampleModel } from "../authz/policy-folder.js";
import { type IssuedCertificate, TestAuthority } from "../support/certificates.js";

/** The files of a policy; the model is the example's unless it is given. */
export interface PolicyTexts {
  readonly "tenants.yaml": string;
  readonly "policy.csv": string;
  readonly "matrix.csv": string;
}

/** A folder with policies and certificates of somebody who knows nothing of this project's own. */
export class Places implements AsyncDisposable {
  readonly path: string;
  readonly authority: TestAuthority;

  private constructor(path: string, authority: TestAuthority) {
    this.path = path;
    this.authority = authority;
  }

  /** With a server that is known as something else than localhost, and certificates of these principals. */
  static async make(principals: readonly string[]): Promise<Places> {
    const path = await mkdtemp(join(tmpdir(), "aclog-places-"));
    const places = new Places(path, await TestAuthority.create({ commonName: "Initech Trust Services, G2" }));
    await places.write("pki/root.pem", places.authority.caPem);
    await places.pair(
      "pki/log",
      places.authority.issue({
        subject: [{ type: "CN", value: "log.initech.example" }],
        usages: ["serverAuth"],
        names: ["log.initech.example"],
      }),
    );
    for (const principal of principals) await places.client(principal);
    return places;
  }

  async client(principal: string, issued = this.authority.issue({ principal })): Promise<void> {
    await this.pair(`people/${principal}`, issued);
  }

  async policy(folder: string, texts: PolicyTexts): Promise<string> {
    for (const [name, text] of Object.entries({ "model.conf": exampleModel, ...texts })) {
      await this.write(join(folder, name), text);
    }
    return join(this.path, folder);
  }

  /** What `runMatrix` is told about this folder; without the authority's key where it is not there. */
  options(policyFolder: string): MatrixOptions {
    const at = (path: string): string => join(this.path, path);
    const caKey = existsSync(at("pki/root.key")) ? at("pki/root.key") : undefined;
    return {
      policyDir: at(policyFolder),
      server: { ca: at("pki/root.pem"), cert: at("pki/log.crt"), key: at("pki/log.key") },
      certificates: { clients: at("people"), ca: at("pki/root.pem"), caKey },
    };
  }

  run(policyFolder: string, changes: Partial<MatrixOptions> = {}): Promise<MatrixReport> {
    return runMatrix({ ...this.options(policyFolder), ...changes });
  }

  async write(path: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.path, path)), { recursive: true });
    await writeFile(join(this.path, path), content);
  }

  async pair(stem: string, { certPem, keyPem }: IssuedCertificate): Promise<void> {
    await this.write(`${stem}.crt`, certPem);
    await this.write(`${stem}.key`, keyPem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** The differences as an administrator reads them, without the folder and what the policy says about each. */
export function told(places: Places, { differences }: MatrixReport): string[] {
  return differences.map(({ source, line, problem }) => {
    const place = source === undefined ? "" : `${source.replace(`${places.path}/`, "")}:${line ?? 0}: `;
    return place + problem.replace(/; the policy says .*$/, "");
  });
}
