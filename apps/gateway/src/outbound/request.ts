/** A request of ours that got no answer that could be used. The message is fit for a log: it holds no URL and no text of the peer. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';

  /** @param wasSent false if the server was not reached, so that the request itself cannot be the cause. */
  constructor(
    message: string,
    readonly wasSent = true,
  ) {
    super(message);
  }
}

/** What the system and Node call the failure to reach a server. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** ms for all of it, the reading of the answer included. */
  readonly timeout: number;
  /** The largest answer, in bytes. */
  readonly maxBytes: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks a server that the configuration names, within bounds of time and size. A redirect is no answer: it would lead to
 * where nobody meant to send anything.
 *
 * @returns the body of a 2xx answer.
 * @throws OutboundError for everything else.
 */
export async function request(
  url: string,
  { method, headers = {}, body, timeout, maxBytes, signal: ended }: OutboundRequest,
): Promise<string> {
  const timeUp = AbortSignal.timeout(timeout);
  const signal = ended === undefined ? timeUp : AbortSignal.any([timeUp, ended]);
  try {
    const answer = await fetch(url, {
      method,
      headers: { 'User-Agent': 'holdfast', Accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal,
    });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new OutboundError(`it answered with status ${answer.status}`);
    }
    return await textOf(answer, maxBytes);
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    if (timeUp.aborted) throw new OutboundError(`no answer within ${timeout} ms`);
    if (signal.aborted) throw new OutboundError('it was given up');
    const code = codeOf(error);
    throw new OutboundError(`it cannot be reached${code === '' ? '' : ` (${code})`}`, !UNREACHABLE.has(code));
  }
}

async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new OutboundError(`it answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** What the system or Node said, as `ECONNREFUSED`, or nothing: messages would hold the address. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
