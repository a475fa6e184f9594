/** What a report says of what made it, and where. */
import { hostname } from "node:os";
import { aclogVersion } from "../node/index.js";

export interface Provenance {
  readonly aclogVersion: string;
  /** The machine on which the matrix ran. */
  readonly host: string;
  /** `Node 20.20.2, OpenSSL 3.0.19, linux x64`: what TLS and files rest on there. */
  readonly runtime: string;
}

/** In a line, with when that was. */
export function provenanceInWords({ aclogVersion: version, host, runtime }: Provenance, madeMs: number): string {
  return `Made by aclog ${version} on ${host} (${runtime}), ${new Date(madeMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function provenance(): Provenance {
  const { platform, arch, versions } = process;
  const runtime = `Node ${versions.node}, OpenSSL ${versions.openssl}, ${platform} ${arch}`;
  return { aclogVersion: aclogVersion(), host: hostname(), runtime };
}
