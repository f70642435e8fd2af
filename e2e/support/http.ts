import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Ask {
  /** The address of the TCP connection. */
  readonly address: string;
  /** The host name that the ingress routes. */
  readonly host: string;
  readonly path: string;
  /** Whether to use TLS, accepting any certificate. */
  readonly tls?: boolean;
}

/** The status of a plain request, and the target of a redirect. */
export async function ask({
  address,
  host,
  path,
  tls = false,
}: Ask): Promise<[status: number | undefined, location?: string]> {
  const request = tls ? requestHttps : requestHttp;
  const options = { host: address, path, headers: { host }, servername: host, rejectUnauthorized: false };
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    request(options, resolve).on('error', reject).end(),
  );
  response.resume();
  const { statusCode, headers } = response;
  return headers.location === undefined ? [statusCode] : [statusCode, headers.location];
}
