import {
  SESSION_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
  type GatewayFrame,
  type Position,
  type SubscribeReply,
} from '@holdfast/protocol';
import { positionOf, type Journal } from './journal.js';
import { entryOf, type LoadClient, type LoadClientOptions } from './library-client.js';
import { tappedSocket, type TappedSocket } from './tapped-socket.js';

/** The delay after a failed attempt, in ms. */
const PAUSE = 100;

/** How often it checks whether the gateway is silent, and how long it waits for the answer to a ping, in ms. */
const LOOK_EVERY = 500;
const ANSWER_WITHIN = 5_000;

/**
 * The simplest client that follows the protocol: one socket at a time. When it is asked to leave, or the socket breaks, it opens
 * another one and resumes where it was.
 */
export class PlainClient implements LoadClient {
  readonly journal: Journal;
  readonly #options: LoadClientOptions;
  readonly #Socket: ReturnType<typeof tappedSocket>;
  readonly #subscribed = Promise.withResolvers<void>();
  #socket: TappedSocket | undefined;
  #session: string | undefined;
  #closed = false;

  constructor(journal: Journal, options: LoadClientOptions) {
    this.journal = journal;
    this.#options = options;
    this.#Socket = tappedSocket({ journal, cookies: options.cookies, address: options.address });
  }

  subscribe(): Promise<void> {
    void this.#open();
    return this.#subscribed.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.close(1000);
  }

  async #open(): Promise<void> {
    const { url, token } = this.#options;
    const bearer = typeof token === 'function' ? await token() : token;
    const protocols = [SUBPROTOCOL, `bearer.${bearer}`];
    if (this.#session !== undefined) protocols.push(SESSION_SUBPROTOCOL_PREFIX + this.#session);
    const socket = new this.#Socket(url, protocols);
    this.#socket = socket;
    let epoch = '';
    let over = false;
    const again = (pause: number): void => {
      if (over || this.#closed) return;
      over = true;
      clearInterval(watch);
      socket.close(1000);
      setTimeout(() => void this.#open(), pause);
    };
    let ping = Number.POSITIVE_INFINITY;
    let askedAt = 0;
    const watch = setInterval(() => {
      const { heardAt = Date.now() } = socket.life;
      if (this.#closed) clearInterval(watch);
      else if (askedAt > heardAt) {
        if (Date.now() - askedAt >= ANSWER_WITHIN) again(0);
      } else if (Date.now() - heardAt >= ping) {
        askedAt = Date.now();
        socket.send(JSON.stringify({ event: 'ping', id: 2 }));
      }
    }, LOOK_EVERY);
    socket.on('message', (bytes: Buffer) => {
      if (over) return;
      const frame = JSON.parse(bytes.toString()) as GatewayFrame;
      switch (frame.event) {
        case 'welcome':
          this.#session = frame.data.session;
          ({ ping } = frame.data);
          socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: this.#request() }));
          break;
        case 'reply':
          if (frame.id === 1) ({ epoch } = this.#accepted(frame.data as SubscribeReply));
          break;
        case 'message':
          this.journal.entries.push(entryOf(frame.data, epoch));
          break;
        case 'gap':
          ({ epoch } = frame.data);
          this.journal.entries.push({ epoch, offset: frame.data.offset, at: Date.now() });
          break;
        case 'reconnect':
          again(0);
          break;
        case 'error':
          again(PAUSE);
          break;
        default:
      }
    });
    // The close event that follows has all the information.
    socket.on('error', () => undefined);
    socket.on('close', () => again(socket.life.subscribedAt === undefined ? PAUSE : 0));
  }

  #request(): object {
    const { channel } = this.journal;
    const since = positionOf(this.journal);
    return since === undefined ? { channel } : { channel, since: { epoch: since.epoch, offset: since.offset } };
  }

  #accepted({ epoch, offset, recovered }: SubscribeReply): Position {
    const { journal } = this;
    if (journal.start === undefined) journal.start = { epoch, offset };
    else if (recovered !== true) journal.entries.push({ epoch, offset, at: Date.now() });
    this.#subscribed.resolve();
    return { epoch, offset };
  }
}
