import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Target } from './attack.ts';

/** ms that an attacker waits for a reply. */
const REPLY_TIMEOUT = 5_000;

interface Answer {
  readonly event?: string;
  readonly id?: number;
}

/** A WebSocket client that ignores all rules: without a pace or backoff. */
export class JsonClient {
  readonly #webSocket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.on('message', (data: Buffer) => this.#receive(data));
    webSocket.on('error', () => undefined).on('close', () => this.#forget());
  }

  /** @returns a client, whether or not the gateway accepts it. */
  static async open({ port, jwtSecret }: Target, claims: object): Promise<JsonClient> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'holdfast.v1.json', {
      headers: { Authorization: `Bearer ${sign(claims, jwtSecret)}` },
      perMessageDeflate: false,
    });
    const client = new JsonClient(webSocket);
    await Promise.race([
      new Promise<void>((resolve) => webSocket.once('open', resolve).once('close', () => resolve())),
      sleep(REPLY_TIMEOUT),
    ]);
    return client;
  }

  /** Opens several clients, a few at a time. */
  static async openMany(target: Target, count: number, claims: object): Promise<JsonClient[]> {
    const clients: JsonClient[] = [];
    while (clients.length < count) {
      const batch = Array.from({ length: Math.min(20, count - clients.length) });
      clients.push(...(await Promise.all(batch.map(() => JsonClient.open(target, claims)))));
    }
    return clients;
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN;
  }

  /** Sends a request without waiting for the reply. */
  send(event: string, data: object): number {
    this.#lastId += 1;
    if (this.isOpen) this.#webSocket.send(JSON.stringify({ event, id: this.#lastId, data }));
    return this.#lastId;
  }

  sendRaw(text: string): void {
    if (this.isOpen) this.#webSocket.send(text);
  }

  /** @returns whether it succeeded; waits a moment if the connection is closed. */
  async request(event: string, data: object): Promise<boolean> {
    if (!this.isOpen) {
      await sleep(100);
      return false;
    }
    const id = this.send(event, data);
    const answered = new Promise<Answer | undefined>((resolve) => this.#waiting.set(id, resolve));
    const answer = await Promise.race([answered, sleep(REPLY_TIMEOUT, undefined, { ref: false })]);
    this.#waiting.delete(id);
    if (answer?.event === 'reply') return true;
    await sleep(5);
    return false;
  }

  /** Stops reading. */
  stopReading(): void {
    this.#webSocket.pause();
  }

  close(): void {
    this.#webSocket.terminate();
  }

  #receive(data: Buffer): void {
    // Only replies and errors matter, and those begin with their event.
    if (this.#waiting.size === 0 || data.length > 1_000_000) return;
    const text = data.toString();
    if (!text.startsWith('{"event":"reply"') && !text.startsWith('{"event":"error"')) return;
    const answer = JSON.parse(text) as Answer;
    this.#waiting.get(answer.id ?? 0)?.(answer);
  }

  #forget(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}

/** A token with HMAC SHA-256 (RFC 7519). */
function sign(claims: object, secret: string): string {
  const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`;
}
