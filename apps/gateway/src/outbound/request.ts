/** A request of ours got no usable answer. The message may be logged: it contains no URL and no text of the peer. */
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

/** Error codes of the system and of Node for a server that cannot be reached. */
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
  /** ms for the whole request, including the reading of the answer. */
  readonly timeout: number;
  /** The largest answer that is read, in bytes. */
  readonly maxBytes: number;
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request to a server named in the configuration, with limits of time and size. Redirects are not followed:
 * they could lead anywhere.
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
      throw new OutboundError(`the server answered with status ${answer.status}`);
    }
    return await textOf(answer, maxBytes);
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    if (timeUp.aborted) throw new OutboundError(`no answer within ${timeout} ms`);
    if (signal.aborted) throw new OutboundError('the request was aborted');
    const code = codeOf(error);
    throw new OutboundError(`the server cannot be reached${code === '' ? '' : ` (${code})`}`, !UNREACHABLE.has(code));
  }
}

async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new OutboundError(`the response is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The code that the system or Node reported, such as `ECONNREFUSED`, or nothing. Messages would contain the address. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
