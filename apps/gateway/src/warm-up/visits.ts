import { SUBPROTOCOL } from '@holdfast/protocol';
import { Peer } from './peer.js';

/** A gateway that nobody else uses. */
export interface Rehearsal {
  /** The path of its socket. */
  readonly path: string;
  readonly apiKey: string;
  /** Of its users. */
  readonly tokens: readonly string[];
}

/** Any key works (RFC 6455, section 1.3). */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The first byte of a text frame. */
const TEXT = 0x81;
/** The second one: a mask, and the length or where it is. */
const MASK = 0x80;
const LONG = 126;

/** For each visit. One costs a small part of a connect, and V8 only compiles what runs often. */
const PUBLISHES = 4;

const DATA = JSON.stringify({ text: 'x'.repeat(100) });

/**
 * Clients that come back one after another, as after the end of another pod: each connects, resumes a channel, publishes and leaves.
 * A backend publishes to each, several times.
 *
 * @param next returns the number of the next visit; undefined if there is none.
 */
export async function visit(
  { path, apiKey, tokens }: Rehearsal,
  channel: string,
  next: () => number | undefined,
): Promise<void> {
  const backend = new Peer(path);
  let since: object | undefined;
  try {
    for (let number = next(); number !== undefined; number = next()) {
      const client = new Peer(path);
      try {
        await client.ask(upgrade(tokens[number % tokens.length] ?? ''), '"event":"welcome"');
        const subscribe = JSON.stringify({ event: 'subscribe', id: 1, data: { channel, since } });
        since = positionIn(await client.ask(frame(subscribe), '"id":1'));
        await client.ask(frame(`{"event":"publish","id":2,"data":{"channel":"${channel}","data":${DATA}}}`), '"id":2');
        for (let sent = 0; sent < PUBLISHES; sent += 1) {
          await backend.ask(publish(apiKey, `{"channel":"${channel}","data":${DATA}}`), '"offset":');
        }
      } finally {
        client.leave();
      }
    }
  } finally {
    backend.leave();
  }
}

function upgrade(token: string): string {
  return (
    `GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\nAuthorization: Bearer ${token}\r\n\r\n`
  );
}

function publish(apiKey: string, body: string): string {
  return (
    `POST /api/publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${apiKey}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** A text frame whose mask is zero, which changes nothing. */
function frame(text: string): Buffer {
  const { length } = text;
  const head = length < LONG ? [TEXT, MASK | length] : [TEXT, MASK | LONG, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), Buffer.from(text, 'latin1')]);
}

function positionIn(reply: string): object {
  const [, epoch] = /"epoch":"([^"]+)"/.exec(reply) ?? [];
  const [, offset] = /"offset":(\d+)/.exec(reply) ?? [];
  return { epoch, offset: Number(offset) };
}
