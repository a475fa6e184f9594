import { EventEmitter } from "node:events";
import type { Http2Server } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/**
 * The HTTP/2 server behind a connection injector. grpc-js keeps it to itself, and only there does every session announce
 * itself with its first byte.
 *
 * @throws TypeError when another version of grpc-js keeps it elsewhere: without it floods would go on unseen
 */
export function http2ServerOf(grpc: Server): Http2Server {
  const servers = (grpc as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> }).http2Servers;
  const [server, ...more] = servers?.keys() ?? [];
  if (!(server instanceof EventEmitter) || more.length > 0) {
    throw new TypeError("this version of grpc-js keeps its HTTP/2 server elsewhere");
  }
  return server;
}
