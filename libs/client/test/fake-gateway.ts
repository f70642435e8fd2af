import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CLOSE,
  decodeRequest,
  describeIssue,
  errorData,
  EVENTS_WITH_ID,
  isBadFrame,
  requestSchemas,
  type CloseName,
  type ErrorCode,
  type ErrorDetails,
  type HistoryRequest,
  type Json,
  type Message,
  type NoticeEvent,
  type Notices,
  type RequestId,
  type SubscribeReply,
  type SubscribeRequest,
  type Welcome,
} from '@holdfast/protocol';
import { WebSocketServer, type WebSocket } from 'ws';

interface Received {
  readonly event: string;
  readonly data: { readonly channel: string; readonly key?: string; readonly [name: string]: Json | undefined };
  readonly id: RequestId | undefined;
}

/** A script's response to a request: a reply, an error, or none. */
type Outcome = { reply: unknown } | ({ refuse: ErrorCode } & ErrorDetails) | 'silence';
export type Script = (peer: Peer, data: Received['data']) => Outcome | 'default';

interface Stream {
  epoch: string;
  /** Offsets up to this one are no longer stored. */
  trimmed: number;
  messages: Message[];
  readonly keys: Map<string, number>;
}

/** The part of a WebSocket of the package `ws` that this gateway uses. */
export type PeerSocket = Pick<WebSocket, 'send' | 'close' | 'terminate' | 'on'>;

/** One connection, from the gateway's side. */
export class Peer {
  readonly received: Received[] = [];
  readonly subscribed = new Set<string>();
  /** Keeps the socket open and reading, but sends nothing more: a half-open connection. */
  isMute = false;
  closeCode: number | undefined;
  readonly socket: PeerSocket;
  readonly url: string;
  readonly protocols: readonly string[];
  readonly node: string;
  /** Of the upgrade or, once it has come, of `connect`. */
  token: string | undefined;
  session: string | undefined;
  /** Set by {@link FakeGateway.greet}, for `@me`. */
  user: string | undefined;
  /** The key of the latest publish that was stored, by channel. */
  readonly latestKeys = new Map<string, string>();
  /** Ids of requests that are not answered yet. */
  readonly unanswered = new Set<RequestId>();

  constructor(socket: PeerSocket, url: string, headers: IncomingHttpHeaders, node: string) {
    this.socket = socket;
    this.url = url;
    this.node = node;
    this.protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const query = new URL(url, 'http://localhost').searchParams;
    this.session = this.#offered('session.') ?? query.get('session') ?? undefined;
    this.token =
      this.#offered('bearer.') ??
      query.get('access_token') ??
      headers.authorization?.replace(/^Bearer /i, '') ??
      undefined;
    socket.on('close', (code) => (this.closeCode = code));
  }

  #offered(prefix: string): string | undefined {
    return this.protocols.find((name) => name.startsWith(prefix))?.slice(prefix.length);
  }

  send<E extends NoticeEvent>(event: E, data: Notices[E]): void {
    this.#write({ event, data });
  }

  answer(id: RequestId | undefined, outcome: Exclude<Outcome, 'silence'>): void {
    if (id === undefined) return;
    this.unanswered.delete(id);
    if ('reply' in outcome) this.#write({ event: 'reply', id, data: outcome.reply });
    else this.#write({ event: 'error', id, data: errorData(outcome.refuse, undefined, outcome) });
  }

  close(name: CloseName): void {
    this.socket.close(CLOSE[name].code, CLOSE[name].reason);
  }

  requests(event: string): Received[] {
    return this.received.filter((frame) => frame.event === event);
  }

  #write(frame: unknown): void {
    if (!this.isMute) this.socket.send(JSON.stringify(frame));
  }
}

/** What a welcome has instead of its default; undefined leaves a field out. */
type Greeting = { readonly [Field in keyof Welcome]?: Welcome[Field] | undefined };

/**
 * A gateway that keeps its channels in a Map, with scripts to misbehave. Every connection is to another pod
 * (`pod-1`, `pod-2`, …), as behind a load balancer.
 */
export class FakeGateway {
  readonly peers: Peer[] = [];
  /** The welcome of a new connection; `undefined` keeps it waiting. */
  greet: (peer: Peer) => Greeting | CloseName | undefined = () => ({});
  /** Replace the default responses to an event. */
  readonly scripts: Record<string, Script> = {};
  /** Upgrades are refused with this status. */
  refuseUpgrades: number | undefined;
  /** How many upgrades were refused. */
  refused = 0;
  /** What clients did that docs/protocol.md does not permit. */
  readonly violations: string[] = [];

  readonly #streams = new Map<string, Stream>();
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'holdfast.v1.json' });

  constructor() {
    this.#server = createServer();
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.refuseUpgrades !== undefined) {
        this.refused++;
        socket.on('error', () => {});
        socket.end(`HTTP/1.1 ${this.refuseUpgrades} Refused\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.accept(webSocket, request.url ?? '/', request.headers);
      });
    });
  }

  static async listen(): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  /** The n-th connection, from 1, once it is open. */
  async peer(n: number, { timeout, interval } = WAIT): Promise<Peer> {
    const end = performance.now() + timeout;
    for (;;) {
      const peer = this.peers[n - 1];
      if (peer !== undefined) return peer;
      if (performance.now() > end) throw new Error(`connection ${n} was not opened within ${timeout} ms`);
      await sleep(interval);
    }
  }

  stream(channel: string): Stream {
    const stream = this.#streams.get(channel) ?? { epoch: 'e1', trimmed: 0, messages: [], keys: new Map() };
    this.#streams.set(channel, stream);
    return stream;
  }

  /** Stores a message and sends it to the subscribers, or to some of them. */
  publish(channel: string, data: Json, to: readonly Peer[] = this.peers, key?: string): number {
    const stream = this.stream(channel);
    const known = key === undefined ? undefined : stream.keys.get(key);
    if (known !== undefined) return known;
    const offset = stream.trimmed + stream.messages.length + 1;
    if (key !== undefined) stream.keys.set(key, offset);
    const message: Message = { channel, offset, data, time: 0 };
    stream.messages.push(message);
    for (const peer of to) if (peer.subscribed.has(channel)) peer.send('message', message);
    return offset;
  }

  /** Drops the stored messages. */
  trim(channel: string): void {
    const stream = this.stream(channel);
    stream.trimmed += stream.messages.length;
    stream.messages = [];
  }

  /** Starts a new epoch with an empty history. */
  restart(channel: string, epoch: string): void {
    this.#streams.set(channel, { epoch, trimmed: 0, messages: [], keys: new Map() });
  }

  welcome(peer: Peer): Welcome {
    const session = peer.session ?? `session-${this.peers.indexOf(peer) + 1}`;
    return {
      client: `client of ${session}`,
      session,
      node: peer.node,
      ping: 8_000,
      maxPayload: 65_536,
      keyWindow: 120_000,
      pipelining: true,
      ...(peer.user === undefined ? {} : { user: peer.user }),
    };
  }

  async close(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  /** Takes a connection, whose upgrade was accepted. */
  accept(socket: PeerSocket, url: string, headers: IncomingHttpHeaders): void {
    const peer = new Peer(socket, url, headers, `pod-${this.peers.length + 1}`);
    this.peers.push(peer);
    peer.socket.on('close', () => peer.subscribed.clear());
    peer.socket.on('error', () => {});
    peer.socket.on('message', (frame: Buffer, isBinary) => {
      if (isBinary) this.violations.push('a binary frame');
      else this.#receive(peer, frame.toString());
    });
    const greeting = this.greet(peer);
    if (typeof greeting === 'string') peer.close(greeting);
    else if (greeting !== undefined) peer.send('welcome', Object.assign(this.welcome(peer), greeting));
  }

  #receive(peer: Peer, text: string): void {
    const violation = violationOf(peer, text, this.scripts);
    if (violation !== undefined) {
      this.violations.push(violation);
      return;
    }
    const frame = JSON.parse(text) as Received;
    peer.received.push(frame);
    const { event, data, id } = frame;
    if (id !== undefined) peer.unanswered.add(id);
    const { after, key } = data ?? {};
    const isOutOfOrder = after !== undefined && peer.latestKeys.get(data.channel) !== after;
    const scripted = isOutOfOrder
      ? { refuse: 'out_of_order' as const }
      : (this.scripts[event]?.(peer, data) ?? 'default');
    const outcome = scripted === 'default' ? this.#handle(peer, event, data) : scripted;
    if (event === 'publish' && key && outcome !== 'silence' && 'reply' in outcome)
      peer.latestKeys.set(data.channel, key);
    if (outcome === 'silence') return;
    peer.answer(id, outcome);
    if (event !== 'subscribe' || !('reply' in outcome)) return;
    const { channel, replay = 0 } = outcome.reply as SubscribeReply;
    if (replay > 0) for (const message of this.stream(channel).messages.slice(-replay)) peer.send('message', message);
  }

  #handle(peer: Peer, event: string, data: Received['data']): Exclude<Outcome, 'silence'> {
    const channel = data?.channel;
    switch (event) {
      case 'connect':
        peer.token = data['token'] as string;
        peer.session = (data['session'] as string | undefined) ?? peer.session;
        return { reply: this.welcome(peer) };
      case 'subscribe':
        return this.#subscribe(peer, data);
      case 'unsubscribe':
        peer.subscribed.delete(channel);
        return { reply: { channel } };
      case 'publish': {
        const offset = this.publish(channel, data['data'] ?? null, this.peers, data.key);
        return { reply: { epoch: this.stream(channel).epoch, offset } };
      }
      case 'presence':
        return { reply: { members: [], count: 0 } };
      case 'history': {
        const { epoch, messages, trimmed } = this.stream(channel);
        const { since, limit = 100, reverse } = data as unknown as HistoryRequest;
        const found = messages.filter(({ offset }) => since === undefined || offset > since.offset);
        const publications = (reverse ? found.toReversed() : found).slice(0, limit);
        return { reply: { epoch, offset: trimmed + messages.length, publications } };
      }
      default:
        return { reply: {} };
    }
  }

  #subscribe(peer: Peer, { channel: asked, since, last }: SubscribeRequest): Exclude<Outcome, 'silence'> {
    const channel = asked === '@me' ? `@${peer.user ?? 'alice'}` : asked;
    if (peer.subscribed.has(channel)) return { refuse: 'already_subscribed' };
    const { epoch, trimmed, messages } = this.stream(channel);
    const offset = trimmed + messages.length;
    peer.subscribed.add(channel);
    const reply = { channel, epoch, offset };
    if (since === undefined) return { reply: { ...reply, replay: Math.min(last ?? 0, messages.length) } };
    const isRecovered = since.epoch === epoch && since.offset >= trimmed && since.offset <= offset;
    return { reply: { ...reply, recovered: isRecovered, replay: isRecovered ? offset - since.offset : 0 } };
  }
}

/** What is wrong with a frame of a client, if anything is. */
function violationOf(peer: Peer, text: string, scripts: Readonly<Record<string, Script>>): string | undefined {
  const frame = decodeRequest(text);
  if (isBadFrame(frame)) return `a frame that is ${frame.code}: ${frame.detail}`;
  const { event, data, id } = frame;
  if (!Object.hasOwn(requestSchemas, event)) return event in scripts ? undefined : `an unknown event: ${event}`;
  if (id === undefined && EVENTS_WITH_ID.has(event)) return `${event} without an id`;
  if (id !== undefined && peer.unanswered.has(id)) return `${event} under the id of a request that is not answered yet`;
  const { error } = requestSchemas[event as keyof typeof requestSchemas].safeParse(data);
  return error === undefined ? undefined : `${event}: ${describeIssue(error).detail}`;
}

/** For `vi.waitFor`. */
export const WAIT = { timeout: 15_000, interval: 2 };
