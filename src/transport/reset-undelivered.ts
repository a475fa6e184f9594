import { type ServerHttp2Stream, constants } from "node:http2";
import { type ServerInterceptor, ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js";

/**
 * Resets the HTTP/2 stream of a call whose status was sent but could not be delivered within `afterMs`. Flow control
 * holds a status back behind bytes that its reader does not take, and a client need not finish what it uploads:
 * such a call would last as long as the client likes, although it is over. Must be the first interceptor.
 */
export function resetUndelivered(afterMs: number): ServerInterceptor {
  return (_method, call) => {
    const stream = streamOf(call);
    let timer: NodeJS.Timeout | undefined;
    stream?.once("close", () => clearTimeout(timer));
    return new ServerInterceptingCall(call, {
      sendStatus: (status, next) => {
        next(status);
        if (stream === undefined || stream.destroyed || timer !== undefined) return;
        timer = setTimeout(() => {
          stream.close(constants.NGHTTP2_CANCEL);
          // A peer that does not even take the reset must not hold what belongs to the stream either.
          stream.destroy();
        }, afterMs);
        timer.unref();
      },
    });
  };
}

/** grpc-js keeps the stream to itself, and has no public way to reset one. A test fails if it is no longer there. */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return (call as { readonly stream?: ServerHttp2Stream }).stream;
}
