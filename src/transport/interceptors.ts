import { type ServerInterceptor, ServerInterceptingCall, type ServerListener } from "@grpc/grpc-js";
import type { AccessRequest, Authorizer } from "../authz/index.js";
import { PermissionDenied } from "../errors.js";
import type { Connections } from "../identity/index.js";
import type { Principal } from "../names.js";
import { Admitted, type Incoming, type TopicAccess, admit } from "./admission.js";
import type { OpenCall, OpenCalls } from "./open-calls.js";
import { OpenStreams } from "./open-streams.js";
import { ReadAhead } from "./read-ahead.js";
import { requestIdOf } from "./request-id.js";
import { toStatus } from "./status.js";
import { UnreadAnswers, answerBytes } from "./unread-answers.js";

/** `open`: for every caller whom the handshake let in; otherwise for whom the policy allows it. */
export type MethodAccess = TopicAccess | "open";

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
  const openStreams = new OpenStreams();
  const unreadAnswers = new UnreadAnswers();
  return (method, call) => {
    let principal: Principal | undefined;
    let requestId: string | undefined;
    let first: AccessRequest | undefined;
    let endedFromOutside = false;
    let isOver = false;
    const onEnd: (() => void)[] = [];
    const forget = (): void => {
      isOver = true;
      for (const end of onEnd.splice(0)) end();
    };
    const needed = Object.hasOwn(access, method.path) ? access[method.path] : undefined;
    const isStream = method.requestStream || method.responseStream;
    const readAhead = method.requestStream ? new ReadAhead() : undefined;
    const open: { admitted: Admitted | undefined } & OpenCall = {
      admitted: undefined,
      end: (status) => {
        endedFromOutside = true;
        forget();
        call.sendStatus(status);
      },
    };
    const listener: ServerListener = {
      onReceiveMetadata: (metadata, next) => {
        requestId = requestIdOf(metadata);
        try {
          // Once a call: a connection's ends may be another's by the time that a later message arrives.
          principal = connections.principalOf(call.getConnectionInfo());
          if (needed === undefined) throw new PermissionDenied("the method is not open to anyone");
          if (needed !== "open" && isStream) {
            onEnd.push(openStreams.enter(principal.tenant, authorizer.limitsOf(principal.tenant).streams));
          }
        } catch (error) {
          call.sendStatus(toStatus(error));
          return;
        }
        if (needed === "open" || needed.kind !== "writes") onEnd.push(openCalls.add(open));
        if (!endedFromOutside) next(metadata);
      },
      onReceiveMessage: (message: unknown, next) => {
        if (principal === undefined || needed === undefined || endedFromOutside) return;
        if (needed === "open") {
          next(message);
          return;
        }
        const admitted = admit(message as Incoming, principal, needed, authorizer, requestId, first);
        if (admitted instanceof Admitted) {
          if (needed.namesOnce) first ??= admitted.access;
          // Only these calls go on delivering on the strength of one message.
          if (needed.kind === "reads") open.admitted = admitted;
        }
        if (readAhead === undefined) next(admitted);
        else readAhead.pass(admitted, admitted instanceof Admitted ? (admitted.request.bytes ?? 0) : 0, next);
      },
      onReceiveHalfClose: (next) => next(),
      onCancel: forget,
    };
    return new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendMessage: (message, next) => {
        // Behind the status nothing may follow: it would not arrive, and it would break the stream before the status does.
        // And of a call that is over nothing is forgotten any more, so nothing may be counted.
        if (isOver) return;
        try {
          // grpc-js asks for the status once the answer is on its way to its reader: until then it takes memory.
          const bytes = isStream ? 0 : answerBytes(message as object);
          if (bytes > 0) onEnd.push(unreadAnswers.add(principal!.tenant, bytes));
        } catch (error) {
          open.end(toStatus(error));
          return;
        }
        next(message);
      },
      sendStatus: (status, next) => {
        forget();
        if (!endedFromOutside) next(status);
      },
    });
  };
}
