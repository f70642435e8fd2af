import type { IncomingHttpHeaders } from 'node:http';
import { matches } from './pattern.js';

/** What browsers send (RFC 6454, section 6.2): scheme, host and perhaps a port. A browser never sends more. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+$/;

/** What a Host header may contain: anything else would become a path or a user name in the URL that it is parsed as. */
const HOST = /^[^\s/?#@\\]+$/;

const DEFAULT_PORT = /^(https:\/\/.*):443$|^(http:\/\/.*):80$/;

const PORT = /:[0-9]+$/;

/** The schemes that proxies name in X-Forwarded-Proto and Forwarded. Traefik writes `wss` for a WebSocket. */
const TLS: ReadonlySet<string> = new Set(['https', 'wss']);

/** The pages that may connect, by origin. */
export class Origins {
  private readonly allowed: readonly string[];

  /** @param allowed origins besides the gateway's own, with `*` for any characters and `:*` for any port. */
  constructor(allowed: readonly string[]) {
    this.allowed = allowed.map(normalized);
  }

  /**
   * Whether a page of this request's origin may connect. A request without Origin does not come from a browser, which
   * always sends one (RFC 6455, section 10.2), and is judged by its token alone.
   */
  mayConnect(headers: IncomingHttpHeaders): boolean {
    if (headers.origin === undefined) return true;
    const origin = normalized(headers.origin);
    if (this.allowed.includes('*')) return true;
    if (!ORIGIN.test(origin)) return false;
    return isOwn(origin, headers) || this.allowed.some((pattern) => fits(pattern, origin));
  }
}

function fits(pattern: string, origin: string): boolean {
  // Without its port, which is missing if it is the scheme's default.
  return pattern.endsWith(':*') ? matches(pattern.slice(0, -2), origin.replace(PORT, '')) : matches(pattern, origin);
}

/**
 * Whether the page comes from the host by which the gateway is reached. A page that was loaded over TLS may always
 * connect: if a proxy in front of us terminates TLS, its request looks like any other to us. A page without TLS may
 * come from anybody on the network, so it may not connect if a proxy reports that the client itself uses TLS. No page
 * can set that header.
 */
function isOwn(origin: string, headers: IncomingHttpHeaders): boolean {
  const [scheme = ''] = origin.split(':', 1);
  if (scheme !== 'https' && scheme !== 'http') return false;
  if (scheme === 'http' && cameByTls(headers)) return false;
  return originOf(scheme, headers.host) === origin;
}

/** The origin of a host under a scheme, without the default port. */
function originOf(scheme: string, host: string | undefined): string | undefined {
  if (host === undefined || !HOST.test(host)) return undefined;
  const url = `${scheme}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** What the outermost proxy reports about the client's own connection. Each further proxy appends. */
function cameByTls(headers: IncomingHttpHeaders): boolean {
  const [outermost = ''] = String(headers['x-forwarded-proto'] ?? '').split(',', 1);
  if (TLS.has(outermost.trim().toLowerCase())) return true;
  const [forwarded = ''] = (headers.forwarded ?? '').split(',', 1);
  return TLS.has(/(?:^|;)\s*proto="?([a-z]+)/i.exec(forwarded)?.[1]?.toLowerCase() ?? '');
}

/** Schemes and hosts are case-insensitive, and default ports are dropped. */
function normalized(origin: string): string {
  const text = origin.toLowerCase().replace(DEFAULT_PORT, '$1$2');
  if (text.endsWith(':*')) return `${normalized(text.slice(0, -2))}:*`;
  // An IPv6 address has many spellings, and browsers send only one of them.
  return text.includes('[') && URL.canParse(text) && !text.includes('*') ? (originOfUrl(text) ?? text) : text;
}

function originOfUrl(text: string): string | undefined {
  const { origin } = new URL(text);
  return origin === 'null' ? undefined : origin;
}
