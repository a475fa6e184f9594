import {
  ROOT_CONTEXT,
  type SpanOptions,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TracerProvider,
  propagation,
  trace,
} from "@opentelemetry/api";
import { type Metadata, status as codes } from "@grpc/grpc-js";
import { formatPrincipal } from "../names.js";
import type { CallObserver } from "./outcomes.js";

/** Without an SDK it gives spans that record nothing; with one that is registered later, it turns to that. */
const tracer = trace.getTracer("aclog");

/** Name and first attributes of a method's spans, made once. Source: OpenTelemetry semantic conventions, gRPC. */
const spanOptions = new Map<string, { readonly name: string; readonly options: SpanOptions }>();

/** Codes by which a server says that it is at fault. Source: the same. */
const faults: ReadonlySet<codes> = new Set([
  codes.UNKNOWN,
  codes.DEADLINE_EXCEEDED,
  codes.UNIMPLEMENTED,
  codes.INTERNAL,
  codes.UNAVAILABLE,
  codes.DATA_LOSS,
]);

/**
 * A span for each call, as the child of what the caller's metadata names, if the process has an OpenTelemetry SDK. No
 * topic, key or value is in it. Without an SDK, and for what a sampler leaves out, it does next to nothing.
 */
export const traceCall: CallObserver = (call) => {
  try {
    if (!isSomebodyTracing()) return undefined;
    const { method, principal, requestId, metadata } = call;
    const { name, options } = spanOf(method);
    const span = tracer.startSpan(name, options, propagation.extract(ROOT_CONTEXT, metadata, metadataGetter));
    if (!span.isRecording()) return undefined;
    span.setAttributes({ "network.peer.address": call.peer, "aclog.request_id": requestId });
    if (principal !== undefined)
      span.setAttributes({ "aclog.tenant": principal.tenant, "aclog.principal": formatPrincipal(principal) });
    return ({ code, details }) => {
      try {
        span.setAttribute("rpc.grpc.status_code", code);
        if (faults.has(code)) span.setStatus({ code: SpanStatusCode.ERROR, message: details });
        span.end();
      } catch {
        // See below.
      }
    };
  } catch {
    // The SDK is the operator's. What is wrong with it must not keep a call from being served.
    return undefined;
  }
};

/**
 * Even a span that records nothing costs as much as the policy's decision. Until an SDK registers itself, the provider is a
 * stand-in that has no other to turn to; one that cannot tell is taken for an SDK.
 */
function isSomebodyTracing(): boolean {
  const provider: TracerProvider & { getDelegateTracer?(name: string): unknown } = trace.getTracerProvider();
  return provider.getDelegateTracer === undefined || provider.getDelegateTracer("aclog") !== undefined;
}

const metadataGetter: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => metadata.get(key).map(String),
};

function spanOf(method: string): { readonly name: string; readonly options: SpanOptions } {
  const known = spanOptions.get(method);
  if (known !== undefined) return known;
  const [, service = "", name = ""] = method.split("/");
  const attributes = { "rpc.system": "grpc", "rpc.service": service, "rpc.method": name };
  const made = { name: `${service}/${name}`, options: { kind: SpanKind.SERVER, attributes } };
  // Only methods that exist get here, so there are as many as those.
  spanOptions.set(method, made);
  return made;
}
