import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { formatPrincipal } from "../names.js";
import type { ConsumedRecords, LogService, Produced, StartAt } from "../service/index.js";
import { logServiceDefinition } from "../wire/definition.js";
import type { ImportResponse } from "../wire/generated/log/v1/ImportResponse.js";
import { type ConsumeRequest, type ProduceRequest, readConsumeRequest, readProduceRequest } from "../wire/requests.js";
import type { Admitted } from "./admission.js";
import { ConsumeMessages, type MessageLimits, encodeConsumeResponse } from "./consume-response.js";
import { type ReportInternal, clientStream, duplexStream, serverStream, unary } from "./handlers.js";
import { StoppedImport, importStream } from "./import-stream.js";
import type { MethodAccess } from "./interceptors.js";
import type { OpenCalls } from "./open-calls.js";
import { type ProduceAnswer, encodeProduceAnswer } from "./produce-answer.js";
import { produceStream } from "./produce-stream.js";

/** What `log.v1.Log` needs from its callers, by path. */
export const logMethodAccess: Readonly<Record<string, MethodAccess>> = {
  "/log.v1.Log/Produce": { action: "produce", kind: "writes" },
  "/log.v1.Log/ProduceStream": { action: "produce", kind: "writes", endsItself: true },
  "/log.v1.Log/Import": { action: "produce", kind: "writes", namesOnce: true },
  "/log.v1.Log/Consume": { action: "consume", kind: "reads" },
  "/log.v1.Log/ConsumeStream": { action: "consume", kind: "reads" },
};

/** `log.v1.Log`, with our own walker in and stored bytes out: neither side goes through a general codec. */
export const logRoutesDefinition: ServiceDefinition = {
  Produce: {
    ...logServiceDefinition.Produce,
    requestDeserialize: readProduceRequest,
    responseSerialize: encodeProduceAnswer,
  },
  ProduceStream: {
    ...logServiceDefinition.ProduceStream,
    requestDeserialize: readProduceRequest,
    responseSerialize: encodeProduceAnswer,
  },
  Import: { ...logServiceDefinition.Import, requestDeserialize: readProduceRequest },
  Consume: {
    ...logServiceDefinition.Consume,
    requestDeserialize: readConsumeRequest,
    responseSerialize: encodeConsumeResponse,
  },
  ConsumeStream: { ...logServiceDefinition.ConsumeStream, requestDeserialize: readConsumeRequest },
};

/** The handlers of `log.v1.Log`. ProduceStreams and Imports end when `shutdown` aborts. */
export function logRoutes(
  service: LogService,
  openCalls: OpenCalls,
  report: ReportInternal,
  shutdown: AbortSignal,
): UntypedServiceImplementation {
  const produce = async (
    admitted: Admitted<ProduceRequest>,
    hasGone: () => boolean,
    boundTo?: string,
  ): Promise<Produced> => {
    admitted.judgeAgain();
    const { access, request } = admitted;
    const end = openCalls.begin();
    try {
      const target = { tenant: access.tenant, topic: access.topic, topicId: request.topicId ?? boundTo };
      const produced = await service.produce(target, request.records, {
        expectedOffset: request.expectedOffset,
        producer: request.producer && { principal: formatPrincipal(access.principal), ...request.producer },
        mayCreate: () => admitted.mayCreate(),
        hasGone,
      });
      produced.durable.then(end, end);
      return produced;
    } catch (error) {
      end();
      throw error;
    }
  };
  return {
    Produce: unary(report, async (admitted: Admitted<ProduceRequest>, caller): Promise<ProduceAnswer> => {
      const { topicId, durable } = await produce(admitted, () => caller.hasGone);
      const { offset, count } = await durable;
      return { offset, count, topicId, requestId: admitted.request.requestId };
    }),
    ProduceStream: duplexStream<Admitted<ProduceRequest>, ProduceAnswer>(report, shutdown, (requests, call, signal) =>
      produceStream(requests, call, signal, (admitted) => produce(admitted, () => signal.aborted)),
    ),
    Import: clientStream<Admitted<ProduceRequest>, ImportResponse>(
      (error, ...call) => report(error instanceof StoppedImport ? error.cause : error, ...call),
      shutdown,
      (requests, signal) =>
        importStream(requests, signal, (admitted, topicId) => produce(admitted, () => signal.aborted, topicId)),
    ),
    Consume: unary(report, ({ request, target }: Admitted<ConsumeRequest>, caller) =>
      service.consume(target, startOf(request), request, request.maxWaitMs, caller),
    ),
    ConsumeStream: serverStream(report, sizeOf, ({ request, target }: Admitted<ConsumeRequest>, signal) => {
      const reads = service.follow(target, startOf(request), request.maxRecords, signal);
      return messagesOf(reads, request);
    }),
  };
}

function startOf({ start, offset, startTimeMs }: ConsumeRequest): StartAt {
  switch (start) {
    case "offset":
      return { at: "offset", offset };
    case "time":
      return { at: "time", timeMs: startTimeMs };
    default:
      return { at: start };
  }
}

async function* messagesOf(
  reads: AsyncIterable<ConsumedRecords>,
  limits: MessageLimits,
): AsyncGenerator<ConsumeMessages> {
  for await (const consumed of reads) yield new ConsumeMessages(consumed, limits);
}

const sizeOf = ({ byteLength }: ConsumeMessages): number => byteLength;
