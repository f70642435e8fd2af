import type { Position } from '@holdfast/client';
import { EXIT, Failure } from './failure.js';
import { displayUrl } from './gateway-url.js';
import type { Publication, Publish } from './publication.js';

export interface HttpApi {
  /** The URL of the gateway, without `/api`. */
  readonly url: URL;
  readonly apiKey: string;
  /** In ms. */
  readonly timeout: number;
}

/** @throws Failure */
export function publishOverHttp(api: HttpApi): Publish {
  // Checked here, because the error of Headers would contain the key.
  if (!/^[\x21-\x7e]+$/.test(api.apiKey)) throw new Failure(EXIT.usage, 'the API key contains invalid characters');
  return (publication) => publish(api, publication);
}

async function publish({ url, apiKey, timeout }: HttpApi, publication: Publication): Promise<Position> {
  const endpoint = new URL(url);
  endpoint.pathname = `${url.pathname.replace(/\/+$/, '')}/api/publish`;

  let response: Response;
  let body: string;
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(publication),
      // A redirect would be followed as a GET, which publishes nothing.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    });
    body = await response.text();
  } catch (error) {
    throw unreachable(url, timeout, error);
  }
  const answer = parse(body);
  if (!response.ok) throw refused(response.status, answer);
  if (typeof answer['epoch'] === 'string' && typeof answer['offset'] === 'number') {
    return { epoch: answer['epoch'], offset: answer['offset'] };
  }
  throw new Failure(EXIT.failed, `the server at ${displayUrl(url)} is not a Holdfast gateway: check --url`);
}

function unreachable(url: URL, timeout: number, error: unknown): Failure {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const advice = 'it may have been stored: only publish again with the same --key';
    return new Failure(EXIT.unreachable, `no response from ${displayUrl(url)} within ${timeout} ms: ${advice}`);
  }
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new Failure(
    EXIT.unreachable,
    `cannot reach ${displayUrl(url)}${reason}: is a gateway running there? See --url`,
  );
}

function refused(status: number, { code, message }: Readonly<Record<string, unknown>>): Failure {
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new Failure(
      EXIT.failed,
      `HTTP status ${status}, not from a Holdfast gateway, perhaps from a proxy: check --url`,
    );
  }
  const advice = code === 'unauthorized' ? ': check HOLDFAST_CLI_API_KEY or --api-key-file' : '';
  return new Failure(EXIT.failed, `not published: ${message} (${code})${advice}`);
}

/** The members of a JSON object; empty for anything else. */
function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
