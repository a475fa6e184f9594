#!/bin/sh
# Writes the TypeScript types of proto/ to the folder named (src/wire/generated unless told otherwise).
set -eu
cd "$(dirname "$0")/.."
out=${1:-src/wire/generated}
rm -rf "$out"
node_modules/.bin/proto-loader-gen-types \
  --longs=BigInt --enums=String --defaults --oneofs --includeComments \
  --inputTemplate='%s' --outputTemplate='%sOutput' \
  --targetFileExtension=.ts --importFileExtension=.js --grpcLib=@grpc/grpc-js \
  --includeDirs=proto --outDir="$out" \
  log/v1/log.proto log/v1/topics.proto log/v1/offsets.proto policy/v1/policy.proto admin/v1/admin.proto google/rpc/error_details.proto >/dev/null
# The generator has no word for bigint and writes Long, although `longs: BigInt` gives bigint at run time.
find "$out" -name '*.ts' -exec sed -i.long \
  -e "/^import type { Long } from/d" -e 's/number | string | Long/number | string | bigint/g' -e 's/(Long)/(bigint)/g' {} +
find "$out" -name '*.long' -exec rm {} +
# A file without a service gets an index with imports that nothing uses.
rm -f "$out/error_details.ts"
# What reflection shows. It takes a real compiler: the descriptors that proto-loader makes have names of its own and
# relative references, which clients in other languages refuse.
descriptors=$(
  for module in proto node_modules/grpc-health-check/proto; do
    node_modules/.bin/buf build "$module" --as-file-descriptor-set --exclude-source-info -o '-#format=binpb'
  done | base64 | tr -d '\n'
)
cat >"$out/descriptors.ts" <<TYPESCRIPT
/** A serialised google.protobuf.FileDescriptorSet of proto/ and of health, in base64. */
export const fileDescriptorSet =
  "$descriptors";
TYPESCRIPT
