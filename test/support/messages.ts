import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { logPackageDefinition } from "../../src/wire/definition.js";
import type { CommitOffsetResponseOutput } from "../../src/wire/generated/log/v1/CommitOffsetResponse.js";
import type { ConsumeResponseOutput } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { DeleteTopicResponseOutput } from "../../src/wire/generated/log/v1/DeleteTopicResponse.js";
import type { FetchOffsetResponseOutput } from "../../src/wire/generated/log/v1/FetchOffsetResponse.js";
import type { ImportResponseOutput } from "../../src/wire/generated/log/v1/ImportResponse.js";
import type { ListOffsetsResponseOutput } from "../../src/wire/generated/log/v1/ListOffsetsResponse.js";
import type { ListTopicsResponseOutput } from "../../src/wire/generated/log/v1/ListTopicsResponse.js";
import type { TopicOutput } from "../../src/wire/generated/log/v1/Topic.js";

/** A serialised message of `log.v1`, by its name; of another package by its whole name. */
export function encoded(name: string, message: object): Buffer {
  return typeOf(name).serialize(message);
}

/** What a serialised message of `log.v1` says, by its name. */
export function decoded<Name extends keyof Outputs>(name: Name, bytes: Buffer): Outputs[Name] {
  return typeOf(name).deserialize(bytes) as Outputs[Name];
}

interface Outputs {
  readonly CommitOffsetResponse: CommitOffsetResponseOutput;
  readonly ConsumeResponse: ConsumeResponseOutput;
  readonly DeleteTopicResponse: DeleteTopicResponseOutput;
  readonly FetchOffsetResponse: FetchOffsetResponseOutput;
  readonly ImportResponse: ImportResponseOutput;
  readonly ListOffsetsResponse: ListOffsetsResponseOutput;
  readonly ListTopicsResponse: ListTopicsResponseOutput;
  readonly Topic: TopicOutput;
}

function typeOf(name: string): MessageTypeDefinition<object, object> {
  return logPackageDefinition[name.includes(".") ? name : `log.v1.${name}`] as unknown as MessageTypeDefinition<
    object,
    object
  >;
}
