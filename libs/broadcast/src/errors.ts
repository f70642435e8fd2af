/** The broker refused the call or could not be reached: nothing was stored. */
export class BrokerUnavailableError extends Error {
  override readonly name = 'BrokerUnavailableError';
}

/** The broker did not answer in time: the change may have been stored, or may be stored later. */
export class BrokerUnknownError extends Error {
  override readonly name = 'BrokerUnknownError';
}

/** The same publisher used the key before, on the same channel, with different data. */
export class KeyConflictError extends Error {
  override readonly name = 'KeyConflictError';
}

/** A broker URL that cannot be used. The message names the part that is wrong and never its value: it may be a password. */
export class BrokerUrlError extends Error {
  override readonly name = 'BrokerUrlError';
}
