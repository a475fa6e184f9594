import {
  type ServerInterceptor,
  ServerInterceptingCall,
  type ServerListener,
  type StatusObject,
  status as codes,
} from "@grpc/grpc-js";
import type { Action, Authorizer } from "../authz/index.js";
import { PermissionDenied } from "../errors.js";
import type { Connections } from "../identity/index.js";
import type { Principal } from "../names.js";
import { Admitted, type Incoming, admit } from "./admission.js";
import type { OpenCall, OpenCalls } from "./open-calls.js";
import { toStatus } from "./status.js";

/** What is said of a call when it has ended. */
export interface Outcome {
  readonly method: string;
  readonly peer: string;
  /** Undefined if the caller could not be told. */
  readonly principal: Principal | undefined;
  readonly code: codes;
  readonly details: string;
  readonly seconds: number;
}

/** `open`: for every caller whom the handshake let in; an action: for whom the policy allows it. */
export type MethodAccess = Action | "open";

/**
 * Checks each *message*, not the metadata: tenant and topic are in the message, and grpc-js starts the handlers of
 * streams on metadata alone. A stream's second message can name another topic.
 *
 * @param access what each method needs, by its path; a method that is missing here is refused, never waved through
 */
export function authorize(
  access: Readonly<Record<string, MethodAccess>>,
  authorizer: Authorizer,
  connections: Connections,
  openCalls: OpenCalls,
): ServerInterceptor {
  return (method, call) => {
    let principal: Principal | undefined;
    let forget: (() => void) | undefined;
    let endedFromOutside = false;
    const needed = Object.hasOwn(access, method.path) ? access[method.path] : undefined;
    const open: { admitted: Admitted | undefined } & OpenCall = {
      admitted: undefined,
      end: (status) => {
        endedFromOutside = true;
        call.sendStatus(status);
      },
    };
    const listener: ServerListener = {
      onReceiveMetadata: (metadata, next) => {
        try {
          // Once a call: a connection's ends may be another's by the time that a later message arrives.
          principal = connections.principalOf(call.getConnectionInfo());
          if (needed === undefined) throw new PermissionDenied("the method is not open to anyone");
        } catch (error) {
          call.sendStatus(toStatus(error));
          return;
        }
        // A call that produces is not cut off from outside: it is due an answer.
        if (needed !== "produce") forget = openCalls.add(open);
        if (!endedFromOutside) next(metadata);
      },
      onReceiveMessage: (message: unknown, next) => {
        if (principal === undefined || needed === undefined || endedFromOutside) return;
        if (needed === "open") {
          next(message);
          return;
        }
        const admitted = admit(message as Incoming, principal, needed, authorizer);
        // Only these calls go on delivering on the strength of one message.
        if (needed === "consume" && admitted instanceof Admitted) open.admitted = admitted;
        next(admitted);
      },
      onReceiveHalfClose: (next) => next(),
      onCancel: () => forget?.(),
    };
    return new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendMessage: (message, next) => {
        // Behind the status nothing may follow: it would not arrive, and it would break the stream before the status does.
        if (!endedFromOutside) next(message);
      },
      sendStatus: (status, next) => {
        forget?.();
        if (!endedFromOutside) next(status);
      },
    });
  };
}

/** Reports every call's end. First in the list, so that it sees what the others answer too. */
export function recordOutcome(connections: Connections, report: (outcome: Outcome) => void): ServerInterceptor {
  return (method, call) => {
    const started = performance.now();
    let ended = false;
    let principal: Principal | undefined;
    const end = (status: Pick<StatusObject, "code" | "details">): void => {
      if (ended) return;
      ended = true;
      const { code, details } = status;
      const seconds = (performance.now() - started) / 1000;
      report({ method: method.path, peer: call.getPeer(), principal, code, details, seconds });
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              principal = connections.principalOf(call.getConnectionInfo());
            } catch {
              // The next interceptor refuses the call for it.
            }
            pass(metadata);
          },
          onReceiveMessage: (message, pass) => pass(message),
          onReceiveHalfClose: (pass) => pass(),
          // What grpc-js answers by itself, such as a deadline, does not pass through sendStatus.
          onCancel: () => end({ code: codes.CANCELLED, details: "ended by the caller or by a deadline" }),
        }),
      sendStatus: (status, next) => {
        end({ code: status.code, details: status.details });
        next(status);
      },
    });
  };
}
