import type { MsgHdrs } from '@nats-io/transport-node';
import { LogUnavailableError, LogUnknownError, type LogOffset } from '../log/log-adapter.js';
import { FORGET_CALL, type Session } from './connection.js';
import { ApiCode, isNoResponders, messageOf, permissionProblem, unavailable } from './errors.js';
import { settled } from '../log/settled.js';

/** JetStream's acknowledgement: a sequence, or an error. */
interface Acknowledgement {
  readonly seq: LogOffset;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/**
 * Publishes a message, and waits until it is stored. The server stores what one connection sends in that order.
 *
 * @throws LogUnavailableError nothing was stored.
 * @throws LogUnknownError
 */
export async function append(
  { connection }: Session,
  subject: string,
  data: Uint8Array,
  signal: AbortSignal,
  headers?: MsgHdrs,
): Promise<LogOffset> {
  const options = { timeout: FORGET_CALL, ...(headers !== undefined && { headers }) };
  let answer: Acknowledgement;
  try {
    const message = await settled(connection.request(subject, data, options), signal);
    answer = message.json<Acknowledgement>();
  } catch (error) {
    const permission = permissionProblem(error);
    if (permission !== undefined) throw permission;
    if (isNoResponders(error)) throw unavailable(error);
    throw new LogUnknownError(messageOf(error), { cause: error });
  }
  const { error, seq } = answer;
  if (error === undefined) return seq;
  const reason = `JetStream refuses the entry: ${error.description ?? 'no reason given'}`;
  throw error.err_code === ApiCode.storeFailed ? new LogUnknownError(reason) : new LogUnavailableError(reason);
}
