import type { Position } from '@holdfast/client';
import { EXIT, Failure } from './failure.js';
import { displayUrl } from './gateway-url.js';
import type { Publish } from './publication.js';

type Members = Readonly<Record<string, unknown>>;

/** An API that is called with a key. */
export interface HttpApi {
  /** The URL of the gateway, without `/api`. */
  readonly url: URL;
  readonly apiKey: string;
  /** In ms. */
  readonly timeout: number;
  /** What to do if the key is refused, the path does not exist, or nothing answers. */
  readonly advice?: { readonly unauthorized: string; readonly notFound?: string; readonly unreachable?: string };
}

export interface HttpCall {
  readonly method?: 'GET' | 'POST';
  /** Below the gateway's URL, such as `api/publish`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is not done if it fails: `not published`. */
  readonly failed: string;
  /** What to consider if nothing answers in time, because it may have been done. */
  readonly onTimeout?: string;
}

const API_ADVICE = { unauthorized: 'check HOLDFAST_CLI_API_KEY or --api-key-file' };

/** @throws Failure */
export function publishOverHttp(api: HttpApi): Publish {
  checkKey(api);
  return async ({ traceparent, ...publication }) => {
    const answer = await call(api, {
      method: 'POST',
      path: 'api/publish',
      body: publication,
      ...(traceparent === undefined ? {} : { headers: { traceparent } }),
      failed: 'not published',
      onTimeout: 'it may have been stored: only publish again with the same --key',
    });
    return positionOf(answer) ?? notAGateway(api.url);
  };
}

export function positionOf({ epoch, offset }: Members): Position | undefined {
  return typeof epoch === 'string' && typeof offset === 'number' ? { epoch, offset } : undefined;
}

/** @throws Failure */
export async function call(api: HttpApi, request: HttpCall): Promise<Members> {
  checkKey(api);
  const { url, apiKey, timeout } = api;
  const { method = 'GET', path, query = {}, body, headers = {} } = request;
  const endpoint = new URL(url);
  endpoint.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) endpoint.searchParams.set(name, String(value));
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(endpoint, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would be followed as a GET, which publishes nothing.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    });
    text = await response.text();
  } catch (error) {
    throw unreachable(api, request, error);
  }
  const answer = parse(text);
  if (!response.ok) throw refused(api, request, response.status, answer ?? {});
  return answer ?? notAGateway(url);
}

/** Checked here, because the error of Headers would contain the key. */
function checkKey({ apiKey }: HttpApi): void {
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new Failure(EXIT.usage, 'the API key contains invalid characters');
}

export function notAGateway(url: URL): never {
  throw new Failure(EXIT.failed, `the server at ${displayUrl(url)} is not a Holdfast gateway: check --url`);
}

function unreachable({ url, timeout, advice }: HttpApi, { onTimeout }: HttpCall, error: unknown): Failure {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const consider = onTimeout === undefined ? '' : `: ${onTimeout}`;
    return new Failure(EXIT.unreachable, `no response from ${displayUrl(url)} within ${timeout} ms${consider}`);
  }
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  const what = advice?.unreachable ?? 'is a gateway running there? See --url';
  return new Failure(EXIT.unreachable, `cannot reach ${displayUrl(url)}${reason}: ${what}`);
}

function refused({ advice = API_ADVICE }: HttpApi, { failed }: HttpCall, status: number, answer: Members): Failure {
  const { code, message } = answer;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new Failure(
      EXIT.failed,
      `HTTP status ${status}, not from a Holdfast gateway, perhaps from a proxy: check --url`,
    );
  }
  const help = { unauthorized: advice.unauthorized, not_found: 'notFound' in advice ? advice.notFound : undefined }[
    code
  ];
  return new Failure(EXIT.failed, `${failed}: ${message} (${code})${help === undefined ? '' : `: ${help}`}`);
}

/** The members of a JSON object; undefined for anything else. */
function parse(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
