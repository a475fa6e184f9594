/** A server for the axes: under a policy, authorities and revocation lists of the matrix's own, which change as it is tried. */
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../config/index.js";
import { OperatorError } from "../errors.js";
import { Closers } from "../lifecycle.js";
import { type RunningNode, startNode } from "../node/index.js";
import { TrialAuthority, type TrialCertificate } from "../pki/index.js";
import { type Signers, trustDomain } from "./axes/credentials.js";
import type { Event } from "./axes/moments.js";
import { modelConf, ofGlobexFile, policyAfter } from "./axes/policy.js";
import { ServerLog } from "./server-log.js";

/** Rules by which the matrix's own server reads names: a SPIFFE ID if there is one, else O and CN. */
const identityRules = `rules:
  - id: spiffe
    tenant: { spiffe: "spiffe://${trustDomain}/ns/{tenant}/sa/{name}" }
    name: { spiffe: "spiffe://${trustDomain}/ns/{tenant}/sa/{name}" }
  - id: subject
    tenant: { from: O }
    name: { from: CN }
`;

const allLists = join("lists", "all.crl");

/** A drain ends once what is tried in it is done. */
const drainMs = 120_000;

export class AxesStage implements AsyncDisposable {
  readonly log = new ServerLog();
  readonly signers: Signers;
  /** The authority that everyone goes over to. */
  readonly successor: TrialAuthority;
  readonly #directory: string;
  readonly #closers = new Closers();
  #node: RunningNode | undefined;
  /** What was revoked before anything was tried. */
  readonly #revoked = new Set<string>();

  private constructor(directory: string) {
    this.#directory = directory;
    this.#closers.defer(() => rm(directory, { recursive: true, force: true }));
    this.#closers.defer(() => this.#node?.drain());
    const authority = TrialAuthority.make("aclog matrix");
    this.signers = {
      authority,
      intermediate: authority.intermediate("aclog matrix, intermediate"),
      ofGlobex: TrialAuthority.make("aclog matrix, of globex"),
      unknown: TrialAuthority.make("aclog matrix, unknown"),
      namesake: TrialAuthority.namesakeOf(authority),
    };
    this.successor = TrialAuthority.make("aclog matrix, successor");
  }

  static async open(): Promise<AxesStage> {
    const stage = new AxesStage(await mkdtemp(join(tmpdir(), "aclog-matrix-")));
    try {
      await stage.#layOut();
      await stage.#start();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  get store(): RunningNode["store"] {
    return this.#running.store;
  }

  get port(): number {
    return Number(/\d+$/.exec(this.#running.address)![0]);
  }

  get adminAddress(): string {
    return this.#running.adminAddress;
  }

  get #running(): RunningNode {
    if (this.#node === undefined) throw new TypeError("the server is not started");
    return this.#node;
  }

  /** Revokes for good what is to be tried as revoked. */
  async revoke(certificates: readonly TrialCertificate[]): Promise<void> {
    for (const { serial } of certificates) this.#revoked.add(serial);
    await this.#writeLists([]);
    await this.#running.reloadCredentials();
  }

  /**
   * Makes it happen. Once it resolves, it has.
   * @param concerned the certificates that open connections rest on
   */
  async happen(event: Event, concerned: readonly TrialCertificate[]): Promise<void> {
    switch (event) {
      case "nothing":
      case "the certificate expires":
        // The clock sees to it.
        return;
      case "the rules go":
      case "the roles go":
      case "the tenant goes":
      case "the tenant is suspended":
        await this.#writePolicy(event);
        await this.#running.reloadPolicy();
        return;
      case "broken policy files":
        await this.#writePolicy(event);
        await refused(this.#running.reloadPolicy());
        return;
      case "the certificate is revoked":
        await this.#writeLists(concerned);
        await this.#running.reloadCredentials();
        return;
      case "the authority goes":
        await this.#write("ca.crt", this.successor.certificatePem);
        await this.#running.reloadCredentials();
        return;
      case "a second authority comes":
        await this.#write("ca.crt", this.signers.authority.certificatePem + this.successor.certificatePem);
        await this.#running.reloadCredentials();
        return;
      case "broken certificate files":
        // Each would change who gets in if what is good in it counted.
        await this.#write("ca.crt", this.successor.certificatePem + brokenPem("CERTIFICATE"));
        await this.#write(allLists, this.signers.authority.revocationList([]) + brokenPem("X509 CRL"));
        await refused(this.#running.reloadCredentials());
        return;
      case "the server drains": {
        const draining = this.log.said("draining");
        void this.#running.drain();
        await draining;
      }
    }
  }

  /** Undoes it. A server that drains is gone: another one is started, with what is stored. */
  async undo(event: Event): Promise<void> {
    switch (event) {
      case "nothing":
      case "the certificate expires":
        return;
      case "the rules go":
      case "the roles go":
      case "the tenant goes":
      case "the tenant is suspended":
      case "broken policy files":
        await this.#writePolicy("nothing");
        await this.#running.reloadPolicy();
        return;
      case "the certificate is revoked":
        await this.#writeLists([]);
        await this.#running.reloadCredentials();
        return;
      case "the authority goes":
      case "a second authority comes":
      case "broken certificate files":
        await this.#write("ca.crt", this.signers.authority.certificatePem);
        await this.#writeLists([]);
        await this.#running.reloadCredentials();
        return;
      case "the server drains":
        await this.#running.drain();
        await this.#start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    const at = (name: string): string => join(this.#directory, name);
    const flags = {
      listen: "127.0.0.1:0",
      "admin-listen": "127.0.0.1:0",
      data: at("data"),
      policy: at("policy"),
      ca: at("ca.crt"),
      cert: at("server.crt"),
      key: at("server.key"),
      crl: at("lists"),
      identity: at("identity.yaml"),
      reflection: "true",
      "log-level": "debug",
      "drain-ms": `${drainMs}`,
    };
    this.#node = await startNode(await loadConfig({ flags, env: {} }), this.log.logger);
  }

  async #layOut(): Promise<void> {
    const server = TrialAuthority.make("aclog matrix, of the server").issue({
      subject: [["CN", "localhost"]],
      usage: "serverAuth",
    });
    const files: Readonly<Record<string, string>> = {
      "policy/model.conf": modelConf,
      "ca.crt": this.signers.authority.certificatePem,
      [ofGlobexFile]: this.signers.ofGlobex.certificatePem,
      "server.crt": server.certificatePem,
      "server.key": server.keyPem,
      "identity.yaml": identityRules,
    };
    for (const name of ["policy", "lists"]) await mkdir(join(this.#directory, name));
    for (const [name, text] of Object.entries(files)) await this.#write(name, text);
    await this.#writePolicy("nothing");
    await this.#writeLists([]);
  }

  async #writePolicy(event: Event): Promise<void> {
    for (const [name, text] of Object.entries(policyAfter(event))) await this.#write(join("policy", name), text);
  }

  async #writeLists(concerned: readonly TrialCertificate[]): Promise<void> {
    const serials = [...this.#revoked, ...concerned.map(({ serial }) => serial)];
    const { authority, intermediate, ofGlobex } = this.signers;
    const lists = [authority, intermediate, ofGlobex, this.successor].map((each) => each.revocationList(serials));
    await this.#write(allLists, lists.join(""));
  }

  /** Whole at every moment, as an administrator's tools replace files. */
  async #write(name: string, content: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
  }
}

function brokenPem(label: string): string {
  return `-----BEGIN ${label}-----\nnone\n-----END ${label}-----\n`;
}

/** @throws Error when the files were taken all the same */
async function refused(reload: Promise<void>): Promise<void> {
  try {
    await reload;
  } catch (error) {
    if (error instanceof OperatorError) return;
    throw error;
  }
  throw new Error("broken files were taken");
}
