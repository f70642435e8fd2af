import type { Identity } from './model/identity.js';
import { isRoomName } from './model/room-name.js';
import { isArrayOf, isRecord, isString } from './model/store.js';

/** The demo's configuration, from the gateway. */
export interface DemoConfig {
  /** The namespace of the rooms' channels. */
  readonly namespace: string;
  /** The rooms in everybody's list. */
  readonly rooms: readonly [string, ...string[]];
  /** Whether the gateway runs in development mode, with all permissions for everybody. */
  readonly anonymous: boolean;
}

/** @throws Error when the gateway cannot be reached or does not offer the demo. */
export async function fetchConfig(): Promise<DemoConfig> {
  const config = await fetchJson('demo/config', { cache: 'no-store' });
  if (!isDemoConfig(config)) throw new Error('the demo configuration does not match the schema');
  return config;
}

/**
 * Requests a token for the demo's namespace. The identity's secret determines its user.
 *
 * @throws Error when the gateway cannot be reached or refuses the name.
 */
export async function fetchToken({ name, secret }: Identity): Promise<string> {
  const answer = await fetchJson('demo/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, secret }),
  });
  if (!isRecord(answer) || !isString(answer['token']))
    throw new Error('the response with the demo token does not match the schema');
  return answer['token'];
}

async function fetchJson(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(new URL(path, document.baseURI), { ...init, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`the gateway responded with status ${response.status}`);
  return response.json();
}

function isDemoConfig(value: unknown): value is DemoConfig {
  return (
    isRecord(value) &&
    isString(value['namespace']) &&
    isArrayOf(isString)(value['rooms']) &&
    value['rooms'].every(isRoomName) &&
    value['rooms'].length > 0 &&
    typeof value['anonymous'] === 'boolean'
  );
}
