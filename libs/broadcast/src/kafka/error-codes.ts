/** Error codes of the protocol: https://kafka.apache.org/protocol#protocol_error_codes */
export const ErrorCode = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicAlreadyExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  policyViolation: 44,
  kafkaStorageError: 56,
  fetchSessionIdNotFound: 70,
  invalidFetchSessionEpoch: 71,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
  fetchSessionTopicIdError: 106,
  unknownServerError: -1,
} as const;

/** @param names the library's `protocolErrorsCodesById`. */
export function errorName(names: Readonly<Record<number, string>>, code: number): string {
  return names[code] ?? `error ${code}`;
}

/** Answers if there is no topic with this id or name. */
export const UNKNOWN_TOPIC: ReadonlySet<number> = new Set([
  ErrorCode.unknownTopicId,
  ErrorCode.inconsistentTopicId,
  ErrorCode.unknownTopicOrPartition,
]);
