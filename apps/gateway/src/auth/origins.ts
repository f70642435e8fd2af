import type { IncomingHttpHeaders } from 'node:http';
import { matches } from './pattern.js';

/** What browsers send (RFC 6454, section 6.2): scheme, host and perhaps a port. Anything more was not sent by one. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+$/;

/** What a Host header may hold: more would become a path or a user's name in the URL that it is parsed as. */
const HOST = /^[^\s/?#@\\]+$/;

const DEFAULT_PORT = /^(https:\/\/.*):443$|^(http:\/\/.*):80$/;

/** The schemes that proxies name in X-Forwarded-Proto and Forwarded; Traefik writes `wss` for the upgrade to a WebSocket. */
const TLS: ReadonlySet<string> = new Set(['https', 'wss']);

/** The pages that may connect, by their origin. */
export class Origins {
  private readonly allowed: readonly string[];

  /** @param allowed origins besides the gateway's own, with `*` for any characters. */
  constructor(allowed: readonly string[]) {
    this.allowed = allowed.map(normalized);
  }

  /**
   * Whether a page of this request's origin may connect. A request without Origin does not come from a browser and is
   * judged by its token alone; a browser always sends one (RFC 6455, section 10.2).
   */
  mayConnect(headers: IncomingHttpHeaders): boolean {
    if (headers.origin === undefined) return true;
    const origin = normalized(headers.origin);
    if (this.allowed.includes('*')) return true;
    if (!ORIGIN.test(origin)) return false;
    return isOwn(origin, headers) || this.allowed.some((pattern) => matches(pattern, origin));
  }
}

/**
 * Whether the page comes from the host that the gateway is reached at. A page that came by TLS always may: if a proxy in
 * front of us ends TLS, its request looks like any other to us. A page that came without TLS may be anybody's who sits on
 * the network, so it may not when a proxy says that the client itself uses TLS. No page can set that header.
 */
function isOwn(origin: string, headers: IncomingHttpHeaders): boolean {
  const [scheme = ''] = origin.split(':', 1);
  if (scheme !== 'https' && scheme !== 'http') return false;
  if (scheme === 'http' && cameByTls(headers)) return false;
  return originOf(scheme, headers.host) === origin;
}

/** The origin of a host under a scheme, without the port that the scheme implies. */
function originOf(scheme: string, host: string | undefined): string | undefined {
  if (host === undefined || !HOST.test(host)) return undefined;
  const url = `${scheme}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** What the outermost proxy says of the client's own connection: each that follows appends. */
function cameByTls(headers: IncomingHttpHeaders): boolean {
  const [outermost = ''] = String(headers['x-forwarded-proto'] ?? '').split(',', 1);
  if (TLS.has(outermost.trim().toLowerCase())) return true;
  const [forwarded = ''] = (headers.forwarded ?? '').split(',', 1);
  return TLS.has(/(?:^|;)\s*proto="?([a-z]+)/i.exec(forwarded)?.[1]?.toLowerCase() ?? '');
}

/** Schemes and hosts have no case, and a port that the scheme implies says nothing. */
function normalized(origin: string): string {
  const text = origin.toLowerCase().replace(DEFAULT_PORT, '$1$2');
  // Of an IPv6 address there are many spellings, and browsers send one.
  return text.includes('[') && URL.canParse(text) && !text.includes('*') ? (originOfUrl(text) ?? text) : text;
}

function originOfUrl(text: string): string | undefined {
  const { origin } = new URL(text);
  return origin === 'null' ? undefined : origin;
}
