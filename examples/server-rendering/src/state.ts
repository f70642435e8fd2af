import type { Position } from '@holdfast/client';
import type { AppState } from './app.tsx';
import type { Message } from './chat.tsx';

const { GATEWAY_API_KEY, HOLDFAST_URL = 'http://localhost:8000' } = process.env;

const CHANNEL = 'chat:lobby';

/** The latest messages, and the position from which the page continues. */
export async function readState(): Promise<AppState> {
  const url = `${HOLDFAST_URL}/api/channels/${CHANNEL}/history?limit=50&reverse=true`;
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${GATEWAY_API_KEY}` },
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`no history: ${response.status} ${await response.text()}`);
  const { epoch, offset, publications } = (await response.json()) as Position & { publications: Message[] };
  return {
    url: `${HOLDFAST_URL.replace(/^http/, 'ws')}/ws`,
    channel: CHANNEL,
    messages: publications.toReversed(), // the newest came first
    since: { epoch, offset },
  };
}
