import type { Identity } from './model/identity.js';
import { isRoomName } from './model/room-name.js';
import { isArrayOf, isRecord, isString } from './model/store.js';

/** What the gateway offers to this page. */
export interface DemoConfig {
  /** The part of a room's channel before the colon. */
  readonly namespace: string;
  /** The rooms that everybody sees in the list. */
  readonly rooms: readonly [string, ...string[]];
  /** Whether everybody may connect and do everything, as in development. */
  readonly anonymous: boolean;
}

/** @throws Error when the gateway cannot be reached or does not offer the demo. */
export async function fetchConfig(): Promise<DemoConfig> {
  const config = await fetchJson('demo/config', { cache: 'no-store' });
  if (!isDemoConfig(config)) throw new Error('the demo configuration has an unexpected form');
  return config;
}

/**
 * A token for the demo's namespace, whose user follows from the identity's secret.
 *
 * @throws Error when the gateway cannot be reached or refuses the name.
 */
export async function fetchToken({ name, secret }: Identity): Promise<string> {
  const answer = await fetchJson('demo/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, secret }),
  });
  if (!isRecord(answer) || !isString(answer['token'])) throw new Error('the demo token has an unexpected form');
  return answer['token'];
}

async function fetchJson(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(new URL(path, document.baseURI), { ...init, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
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
