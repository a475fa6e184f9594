import { type KeyObject, X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { issueCertificate, type IssueOptions } from "../../src/pki/index.js";
import { type RevocationList, isSignedBy } from "../../src/pki/revocation-list.js";
import { listsOf } from "../../src/pki/lists.js";
import { parsePrincipal } from "../../src/names.js";
import { TestAuthority } from "./certificates.js";
import { ecKey, requestFor } from "./requests.js";

/** A folder as `aclog certs` has it, of an authority that was made elsewhere and has an elliptic curve key. */
export class CertificateFolder implements AsyncDisposable {
  readonly path: string;

  /** One that is there. */
  constructor(path: string) {
    this.path = path;
  }

  static async make(authority?: { readonly certPem: string; readonly keyPem: string }): Promise<CertificateFolder> {
    const folder = new CertificateFolder(await mkdtemp(join(tmpdir(), "aclog-certs-")));
    if (authority === undefined) {
      const made = await TestAuthority.create();
      authority = { certPem: made.caPem, keyPem: made.caKeyPem };
    }
    await folder.write("ca.crt", authority.certPem);
    await folder.write("ca.key", authority.keyPem);
    return folder;
  }

  /** A client with an elliptic curve key: making an RSA one takes a tenth of a second. */
  async issue(principal: string, options: Partial<IssueOptions> = {}): Promise<X509Certificate> {
    const key = ecKey();
    const { made } = await issueCertificate(this.path, parsePrincipal(principal)!, {
      force: false,
      request: requestFor(key),
      ...options,
    });
    await this.write(made[0]!.replace(/crt$/, "key"), key.export({ type: "pkcs8", format: "pem" }).toString());
    return this.certificate(made[0]!);
  }

  async certificate(file: string): Promise<X509Certificate> {
    return new X509Certificate(await this.read(file));
  }

  /** Whether a pair belongs together. */
  async fits(stem: string): Promise<boolean> {
    const key = createPrivateKey(await this.read(`${stem}.key`));
    return (await this.certificate(`${stem}.crt`)).checkPrivateKey(key);
  }

  async publicKey(file: string): Promise<KeyObject> {
    return createPublicKey(await this.read(file));
  }

  /** The lists of a file, each of which the certificate beside it signed, or one of `others`. */
  async lists(file = "ca.crl", ...others: string[]): Promise<RevocationList[]> {
    const lists = listsOf(await this.read(file));
    const signers = await Promise.all(["ca.crt", ...others].map((each) => this.certificate(each)));
    if (!lists.every((list) => signers.some((signer) => isSignedBy(list, signer)))) throw new Error("not signed");
    return lists;
  }

  async index(): Promise<string[][]> {
    const lines = (await this.read("index.txt")).toString().split("\n").slice(1, -1);
    return lines.map((line) => line.split("\t"));
  }

  /** Every file, also the hidden ones, but for the lock. */
  async files(): Promise<string[]> {
    const all = await readdir(this.path, { recursive: true, withFileTypes: true });
    const files = all.filter((each) => each.isFile() && each.name !== ".lock");
    return files.map((each) => join(each.parentPath, each.name).slice(this.path.length + 1)).sort();
  }

  read(file: string): Promise<Buffer> {
    return readFile(join(this.path, file));
  }

  async write(file: string, content: string | Buffer): Promise<void> {
    await mkdir(dirname(join(this.path, file)), { recursive: true });
    await writeFile(join(this.path, file), content, { mode: 0o600 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
