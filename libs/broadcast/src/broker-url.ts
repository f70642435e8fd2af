import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { BrokerUrlError } from './errors.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
}

/** The parts of `SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT/PATH?PARAMETERS`. */
export interface BrokerUrlParts {
  /** In lower case. */
  readonly scheme: string;
  readonly credentials: Credentials;
  /** Parsed by {@link parseHosts}, because the default port depends on the scheme. */
  readonly hosts: string;
  /** Without the leading slash, decoded. */
  readonly path: string;
  /** Parsed by {@link parseParameters}. */
  readonly query: string;
}

const URL_PARTS = /^([a-z+]+):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const HOST = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i;
const MAX_PORT = 65_535;

/** The parameters of {@link tlsOptions}. */
export const TLS_PARAMETERS: readonly string[] = ['tlsCa', 'tlsCert', 'tlsKey', 'tlsServerName'];

/** @throws BrokerUrlError without any part of the URL, which may contain a password. */
export function parseBrokerUrl(url: string): BrokerUrlParts {
  const [, scheme, userInfo = '', hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined) {
    throw new BrokerUrlError('expected SCHEME://USER:PASSWORD@HOST:PORT; special characters percent-encoded');
  }
  return {
    scheme: scheme.toLowerCase(),
    credentials: parseUserInfo(userInfo),
    hosts,
    path: decode('path', path),
    query,
  };
}

/** @throws BrokerUrlError */
export function parseHosts(hosts: string, defaultPort: number): Address[] {
  return hosts.split(',').map((text) => {
    const [, ipv6, name, digits] = HOST.exec(text) ?? [];
    const host = ipv6 ?? name;
    const port = digits === undefined ? defaultPort : Number(digits);
    if (host === undefined || port < 1 || port > MAX_PORT) throw new BrokerUrlError('expected HOST or HOST:PORT');
    return { host, port };
  });
}

/** The parameters of a URL, each of which is known and given once. */
export class BrokerUrlParameters {
  constructor(private readonly values: Map<string, string>) {}

  get(name: string): string | undefined {
    return this.values.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** For a setting that the URL may also give in another place. */
  set(name: string, value: string): void {
    this.values.set(name, value);
  }

  /** @throws BrokerUrlError */
  integer(name: string, fallback: number, { min = 0, max }: { min?: number; max: number }): number {
    const text = this.values.get(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new BrokerUrlError(`${name}: expected an integer from ${min} to ${max}`);
    }
    return value;
  }

  /**
   * The content of a file.
   *
   * @throws BrokerUrlError
   */
  file(name: string): Buffer | undefined {
    const path = this.values.get(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch {
      throw new BrokerUrlError(`${name}: the file cannot be read`);
    }
  }
}

/** @throws BrokerUrlError */
export function parseParameters(query: string, known: readonly string[]): BrokerUrlParameters {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      // Something else than a name may be a misplaced password.
      const shown = /^[a-z]{1,32}$/i.test(name) ? name : '';
      throw new BrokerUrlError(`unknown parameter ${shown}; known here: ${known.join(', ')}`);
    }
    if (values.has(name)) throw new BrokerUrlError(`${name}: given twice`);
    values.set(name, value);
  }
  return new BrokerUrlParameters(values);
}

/** The TLS options of {@link TLS_PARAMETERS}: paths of PEM files, and the name that certificates must have. @throws BrokerUrlError */
export function tlsOptions(parameters: BrokerUrlParameters): ConnectionOptions {
  if (parameters.has('tlsCert') !== parameters.has('tlsKey')) {
    throw new BrokerUrlError('tlsCert and tlsKey: expected both or neither');
  }
  const [ca, cert, key] = [parameters.file('tlsCa'), parameters.file('tlsCert'), parameters.file('tlsKey')];
  const servername = parameters.get('tlsServerName');
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  };
}

/**
 * A function that returns the settings of a URL that may change, so that credentials and certificates can be rotated while
 * connections are open. If the URL or a file cannot be used, it returns the last settings that could.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function currentSettings<Settings>(url: () => string, parse: (url: string) => Settings): () => Settings {
  let latest = parse(url());
  return () => {
    try {
      latest = parse(url());
    } catch (error) {
      if (!(error instanceof BrokerUrlError)) throw error;
    }
    return latest;
  };
}

/**
 * The settings of a URL that may change. The given fields are always the current ones, as {@link currentSettings} returns them; the
 * others are those of the first URL.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function rotatingSettings<Settings extends object>(
  url: () => string,
  parse: (url: string) => Settings,
  fields: readonly (keyof Settings)[],
): Settings {
  const current = currentSettings(url, parse);
  const settings = { ...current() };
  for (const field of fields) {
    Object.defineProperty(settings, field, { enumerable: true, get: () => current()[field] });
  }
  return settings;
}

export function credentialsOf(username = '', password = ''): Credentials {
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function parseUserInfo(userInfo: string): Credentials {
  const colon = userInfo.indexOf(':');
  if (colon === -1) return credentialsOf(decode('user', userInfo), undefined);
  return credentialsOf(decode('user', userInfo.slice(0, colon)), decode('password', userInfo.slice(colon + 1)));
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BrokerUrlError(`${part}: not percent-encoded correctly`);
  }
}
