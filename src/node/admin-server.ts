import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { formatAddress } from "../address.js";
import { listenOn } from "../transport/index.js";
import type { Metrics } from "./metrics.js";

/** Why the server is not ready; undefined: it is. */
export type Readiness = () => string | undefined;

/**
 * What a probe without a certificate may ask, over plain HTTP: `/healthz`, `/readyz`, `/metrics`. Nothing names a tenant,
 * unless the operator wants his metrics to.
 */
export class AdminServer implements AsyncDisposable {
  readonly #http: Server;

  private constructor(http: Server) {
    this.#http = http;
  }

  /** @param remark what an operator should know of a server that is ready all the same */
  static async listen(
    listen: { readonly host: string; readonly port: number },
    metrics: Metrics,
    readiness: Readiness,
    remark: Readiness = () => undefined,
  ): Promise<AdminServer> {
    const answer = async (path: string): Promise<{ code: number; type: string; body: string }> => {
      switch (path) {
        case "/healthz":
          return plain(200, "ok");
        case "/readyz": {
          const reason = readiness();
          if (reason !== undefined) return plain(503, reason);
          const note = remark();
          return plain(200, note === undefined ? "ready" : `ready; ${note}`);
        }
        case "/metrics":
          return { code: 200, type: metrics.contentType, body: await metrics.render() };
        default:
          return plain(404, "there are /healthz, /readyz and /metrics");
      }
    };
    const http = createServer({ requestTimeout: 10_000 }, (request, response) => {
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD" }).end();
        return;
      }
      answer((request.url ?? "/").split("?", 1)[0]!).then(
        ({ code, type, body }) => {
          response.writeHead(code, { "content-type": type, "cache-control": "no-store" });
          response.end(request.method === "HEAD" ? undefined : body);
        },
        () => response.writeHead(500).end(),
      );
    });
    await listenOn(http, listen);
    return new AdminServer(http);
  }

  /** Where it listens, as in `127.0.0.1:8401`. */
  get address(): string {
    const { address, port } = this.#http.address() as AddressInfo;
    return formatAddress({ host: address, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
  }
}

function plain(code: number, text: string): { code: number; type: string; body: string } {
  return { code, type: "text/plain; charset=utf-8", body: `${text}\n` };
}
