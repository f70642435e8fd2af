import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { addressOf, type Address } from '../../verify/address.js';
import { isDefaultCertificate } from '../checks/edge.js';
import { askTwice } from './ask-twice.js';
import type { Certificate, EdgeProbe, UpgradeAnswer } from './probes.js';
import { probeIdle } from './idle.js';

/** In ms. */
const ANSWER_WITHIN = 10_000;

/** OpenSSL's errors of a chain that does not lead to an authority (https://docs.openssl.org/3.5/man1/openssl-verification-options/). */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

export interface EdgeOptions {
  /** Where to connect, in place of what DNS says. */
  readonly address?: Address | undefined;
  readonly token?: string | undefined;
  /** How long an idle WebSocket is watched, in ms; 0 skips that. */
  readonly idle: number;
  /** Called before it looks once more at what may be better in a moment; it looks once without it. */
  readonly again?: () => void;
}

/** Does what a browser does: DNS, TLS, the upgrade; and watches an idle WebSocket. */
export async function probeEdge(url: URL, options: EdgeOptions): Promise<EdgeProbe> {
  const host = addressOf(url).host;
  const resolved = options.address === undefined ? await resolve(host) : undefined;
  const known = { url: `${url.protocol}//${url.host}${url.pathname}`, host, resolved };
  if (resolved?.length === 0) return known;
  const address = options.address ?? addressOf(url);
  const look = async () => ({
    certificate: url.protocol === 'wss:' ? await readCertificate(address, host) : undefined,
    upgrade: await probeUpgrade(url, address),
  });
  const { again } = options;
  const { certificate, upgrade } = again === undefined ? await look() : await askTwice(look, isUnsettled, again);
  const idle =
    upgrade.kind === 'opened' && options.idle > 0
      ? await probeIdle(url, { address, token: options.token, duration: options.idle })
      : undefined;
  return {
    ...known,
    upgrade,
    ...(certificate === undefined ? {} : { certificate }),
    ...(idle === undefined ? {} : { idle }),
  };
}

/** Whether the controller may not have loaded a certificate or a route yet. */
function isUnsettled({
  certificate,
  upgrade,
}: {
  certificate: Certificate | undefined;
  upgrade: UpgradeAnswer;
}): boolean {
  return (
    (certificate !== undefined && isDefaultCertificate(certificate)) ||
    (upgrade.kind !== 'opened' && upgrade.kind !== 'refused')
  );
}

async function resolve(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

/** The certificate that is presented for a host; undefined if there is no TLS. */
function readCertificate(address: Address, host: string): Promise<Certificate | undefined> {
  const { promise, resolve: found } = Promise.withResolvers<Certificate | undefined>();
  const socket = connectTls({
    ...address,
    servername: isIP(host) === 0 ? host : '',
    // It is only looked at: an expired one is a finding, and nothing is sent.
    rejectUnauthorized: false,
    timeout: ANSWER_WITHIN,
  });
  socket.on('secureConnect', () => {
    const certificate = socket.getPeerCertificate();
    found({
      subject: [certificate.subject?.CN ?? ''].flat().join(', '),
      names: (certificate.subjectaltname ?? '').split(', ').map((name) => name.replace(/^DNS:/, '')),
      validTo: new Date(certificate.valid_to),
      fitsHost: checkServerIdentity(host, certificate) === undefined,
      untrusted: distrustOf(socket.authorizationError),
    });
    socket.destroy();
  });
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => found(undefined));
  socket.on('close', () => found(undefined));
  return promise;
}

/** Other reasons, such as another host or an expired certificate, are looked for in the certificate itself. */
function distrustOf(error: Error | string | null): string | undefined {
  // Typed as an error, and documented and given as a code.
  const code = error instanceof Error ? error.message : error;
  return code !== null && UNTRUSTED.has(code) ? code : undefined;
}

/** Sends the request of a WebSocket, without a token and a subprotocol: the answer says who sent it. */
export async function probeUpgrade(url: URL, address: Address): Promise<UpgradeAnswer> {
  const { promise, resolve: answered } = Promise.withResolvers<UpgradeAnswer>();
  const isSecure = url.protocol === 'wss:';
  const options: RequestOptions & { rejectUnauthorized: boolean; servername: string } = {
    host: address.host,
    port: address.port,
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    },
    rejectUnauthorized: false,
    servername: isIP(url.hostname) === 0 ? url.hostname : '',
    timeout: ANSWER_WITHIN,
    agent: false,
  };
  const request = isSecure ? requestHttps(options) : requestHttp(options);
  request.on('upgrade', (_response, socket) => {
    socket.destroy();
    answered({ kind: 'opened' });
  });
  request.on('response', (response) => {
    readAnswer(response).then(answered, (error: Error) => answered({ kind: 'failed', reason: error.message }));
  });
  request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN} ms`)));
  request.on('error', (error) => answered({ kind: 'failed', reason: error.message || 'the connection failed' }));
  request.end();
  return promise;
}

async function readAnswer(response: IncomingMessage): Promise<UpgradeAnswer> {
  const { statusCode: status = 0, headers } = response;
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += (chunk as string).slice(0, 4_096);
  const code = codeOf(body);
  if (code !== undefined) return { kind: 'refused', status, code };
  return {
    kind: 'http',
    status,
    ...(headers.location === undefined ? {} : { location: headers.location }),
    ...(typeof headers['server'] === 'string' ? { server: headers['server'] } : {}),
  };
}

/** The code of an error of the gateway, which always has these members (docs/errors.md); undefined if something else answered. */
function codeOf(body: string): string | undefined {
  try {
    const { code, message, retryable } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return typeof code === 'string' && typeof message === 'string' && typeof retryable === 'boolean' ? code : undefined;
  } catch {
    return undefined;
  }
}
