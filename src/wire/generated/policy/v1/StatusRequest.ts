// Original file: proto/policy/v1/policy.proto


export interface StatusRequest {
}

export interface StatusRequestOutput {
}
