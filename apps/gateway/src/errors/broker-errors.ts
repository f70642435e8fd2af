import { BrokerUnavailableError, BrokerUnknownError, KeyConflictError } from '@holdfast/broadcast';
import { ProtocolError } from './protocol-error.js';

/** Waits for the broker, and turns its errors into those of the catalogue. */
export async function fromBroker<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof BrokerUnavailableError) throw new ProtocolError('unavailable');
    if (error instanceof BrokerUnknownError) throw new ProtocolError('unknown');
    if (error instanceof KeyConflictError) throw new ProtocolError('key_conflict');
    throw error;
  }
}
