// Original file: proto/log/v1/offsets.proto


export interface DeleteOffsetResponse {
}

export interface DeleteOffsetResponseOutput {
}
