/**
 * The public contract as grpc-js wants it, loaded from `proto/` once, and the error details that travel beside a status.
 * Whoever serves or calls takes it from here, so that both sides read integers and enums in the same way.
 */
import { fileURLToPath } from "node:url";
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader";
import type { BadRequest, BadRequestOutput } from "./generated/google/rpc/BadRequest.js";
import type { ErrorInfo, ErrorInfoOutput } from "./generated/google/rpc/ErrorInfo.js";
import type { LocalizedMessage, LocalizedMessageOutput } from "./generated/google/rpc/LocalizedMessage.js";
import type { QuotaFailure, QuotaFailureOutput } from "./generated/google/rpc/QuotaFailure.js";
import type { RetryInfo, RetryInfoOutput } from "./generated/google/rpc/RetryInfo.js";
import type { Status, StatusOutput } from "./generated/google/rpc/Status.js";
import type { LogDefinition } from "./generated/log/v1/Log.js";
import type { OffsetsDefinition } from "./generated/log/v1/Offsets.js";
import type { TopicsDefinition } from "./generated/log/v1/Topics.js";
import type { PolicyDefinition } from "./generated/policy/v1/Policy.js";
import type { ConnectionsDefinition } from "./generated/admin/v1/Connections.js";
import type { ProtoGrpcType as AdminTypes } from "./generated/admin.js";
import type { ProtoGrpcType as LogTypes } from "./generated/log.js";
import type { ProtoGrpcType as OffsetsTypes } from "./generated/offsets.js";
import type { ProtoGrpcType as PolicyTypes } from "./generated/policy.js";
import type { ProtoGrpcType as TopicsTypes } from "./generated/topics.js";

/** `log.v1`, `policy.v1`, `admin.v1` and the error details, with their file descriptors: what reflection lists. */
export const logPackageDefinition: PackageDefinition = loadSync(
  [
    "log/v1/log.proto",
    "log/v1/topics.proto",
    "log/v1/offsets.proto",
    "policy/v1/policy.proto",
    "admin/v1/admin.proto",
    "google/rpc/error_details.proto",
  ],
  {
    // The same way up from src/wire and from dist/wire.
    includeDirs: [fileURLToPath(new URL("../../proto/", import.meta.url))],
    longs: BigInt,
    enums: String,
    defaults: true,
    oneofs: true,
  },
);

type V1 = LogTypes["log"]["v1"] & OffsetsTypes["log"]["v1"] & TopicsTypes["log"]["v1"];
const packages = loadPackageDefinition(logPackageDefinition) as unknown as {
  readonly log: { readonly v1: V1 };
  readonly policy: PolicyTypes["policy"];
  readonly admin: AdminTypes["admin"];
};
const { v1 } = packages.log;

/** Constructors of the stubs of `log.v1`. */
export const LogStub = v1.Log;
export const TopicsStub = v1.Topics;
export const OffsetsStub = v1.Offsets;

/** Constructor of the stub of `policy.v1`. */
export const PolicyStub = packages.policy.v1.Policy;

/** Constructor of the stub of `admin.v1.Connections`. */
export const ConnectionsStub = packages.admin.v1.Connections;

/** The service `log.v1.Log`: its methods, with their paths and codecs. */
export const logServiceDefinition: LogDefinition = LogStub.service;

/** The service `log.v1.Topics`. */
export const topicsServiceDefinition: TopicsDefinition = TopicsStub.service;

/** The service `log.v1.Offsets`. */
export const offsetsServiceDefinition: OffsetsDefinition = OffsetsStub.service;

/** The service `policy.v1.Policy`. */
export const policyServiceDefinition: PolicyDefinition = PolicyStub.service;

/** The service `admin.v1.Connections`. */
export const connectionsServiceDefinition: ConnectionsDefinition = ConnectionsStub.service;

/** The trailer that carries a serialised `google.rpc.Status`. */
export const statusDetailsKey = "grpc-status-details-bin";

interface DetailInputs {
  BadRequest: BadRequest;
  ErrorInfo: ErrorInfo;
  LocalizedMessage: LocalizedMessage;
  QuotaFailure: QuotaFailure;
  RetryInfo: RetryInfo;
}

interface DetailOutputs {
  BadRequest: BadRequestOutput;
  ErrorInfo: ErrorInfoOutput;
  LocalizedMessage: LocalizedMessageOutput;
  QuotaFailure: QuotaFailureOutput;
  RetryInfo: RetryInfoOutput;
}

type DetailType = keyof DetailInputs;

/** One detail to send, such as `{ type: "ErrorInfo", value: { reason, domain, metadata } }`. */
export type StatusDetail = { [T in DetailType]: { readonly type: T; readonly value: DetailInputs[T] } }[DetailType];

/** A status to send. */
export interface OutgoingStatus {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
  readonly details: readonly StatusDetail[];
}

/** What a status said. Details of other types than aclog's are left out; of two of one type, the first counts. */
export interface DecodedStatus {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
  readonly details: Readonly<Partial<DetailOutputs>>;
}

const statusType = message<Status, StatusOutput>("Status");

const detailTypes: { readonly [T in DetailType]: MessageTypeDefinition<DetailInputs[T], DetailOutputs[T]> } = {
  BadRequest: message("BadRequest"),
  ErrorInfo: message("ErrorInfo"),
  LocalizedMessage: message("LocalizedMessage"),
  QuotaFailure: message("QuotaFailure"),
  RetryInfo: message("RetryInfo"),
};

const typeUrlPrefix = "type.googleapis.com/google.rpc.";

/** A serialised `google.rpc.Status`, for the trailer `grpc-status-details-bin`. */
export function encodeStatus(status: OutgoingStatus): Buffer {
  return statusType.serialize(statusMessage(status));
}

/** The same as a message, for a field such as `ProduceResponse.error`. */
export function statusMessage(status: OutgoingStatus): Status {
  return {
    code: status.code,
    message: status.message,
    details: status.details.map((detail) => ({
      type_url: typeUrlPrefix + detail.type,
      value: (detailTypes[detail.type] as MessageTypeDefinition<object, object>).serialize(detail.value),
    })),
  };
}

/** @throws Error when the bytes are not a `google.rpc.Status` or hold a damaged detail. */
export function decodeStatus(bytes: Buffer): DecodedStatus {
  return readStatusMessage(statusType.deserialize(bytes));
}

/** What a status in a message says, as in `ProduceResponse.error`. @throws Error when it holds a damaged detail. */
export function readStatusMessage({ code, message: text, details }: StatusOutput): DecodedStatus {
  const decoded: Partial<Record<DetailType, object>> = {};
  for (const { type_url: url, value } of details) {
    const type = (Object.keys(detailTypes) as DetailType[]).find((name) => url === typeUrlPrefix + name);
    if (type !== undefined) decoded[type] ??= detailTypes[type].deserialize(value);
  }
  return { code, message: text, details: decoded as Partial<DetailOutputs> };
}

function message<Input extends object, Output extends object>(name: string): MessageTypeDefinition<Input, Output> {
  return logPackageDefinition[`google.rpc.${name}`] as unknown as MessageTypeDefinition<Input, Output>;
}
