import { setImmediate } from 'node:timers/promises';
import { MemoryBroker, type Broker } from '@holdfast/broadcast';
import type { RequestEvent, Requests, SubscribeRequest } from '@holdfast/protocol';
import { PinoLogger } from 'nestjs-pino';
import { onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { ANONYMOUS, Authenticator, Permissions, type Identity } from '../../src/auth/index.js';
import { BrokerInputs } from '../../src/broker-input/broker-inputs.js';
import { ChannelsService } from '../../src/channels/channels.service.js';
import { Hub } from '../../src/channels/hub.js';
import { Presence } from '../../src/channels/presence.js';
import { Reads } from '../../src/channels/reads.js';
import { Replays } from '../../src/channels/replays.js';
import type { Config } from '../../src/config/index.js';
import { Backlog } from '../../src/gateway/backlog.js';
import { ChannelRequests } from '../../src/gateway/channel-requests.js';
import { Connection, type ConnectionContext } from '../../src/gateway/connection.js';
import { Dispatcher } from '../../src/gateway/dispatcher.js';
import { livenessOf, type Liveness } from '../../src/gateway/liveness.js';
import { newSession, type Session } from '../../src/gateway/session.js';
import { Lifecycle } from '../../src/lifecycle/lifecycle.js';
import { HeldMemory } from '../../src/limits/held-memory.js';
import { Quotas } from '../../src/limits/quotas.js';
import { Senders } from '../../src/limits/senders.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { AuthorizationWebhook } from '../../src/webhooks/authorization-webhook.js';
import { testConfig } from './gateway.js';
import { NO_LIMITS } from './no-limits.js';
import { ManualSocket, ManualWebSocket } from './manual-socket.js';
import type { Frame } from './test-client.js';

/** Lets everything run that waits for nothing but its turn: promises, and writes at the end of a tick. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await setImmediate();
}

export interface PodOptions {
  readonly broker?: Broker;
  /** What the configuration file says. */
  readonly file?: object;
  readonly env?: NodeJS.ProcessEnv;
}

/** A pod's channels without Nest and without a network, so that a test decides what happens in which order. */
export class Pod implements ConnectionContext {
  readonly metrics = new Metrics();
  readonly lifecycle = new Lifecycle();
  readonly dispatcher: Dispatcher;
  readonly backlog: Backlog;
  readonly memory: HeldMemory;
  readonly senders: Senders;
  readonly throttled = new Set<Connection>();
  readonly liveness: Liveness | undefined;
  readonly hub: Hub;
  readonly inputs: BrokerInputs;
  readonly channels: ChannelsService;
  private connections = 0;

  private constructor(
    readonly config: Config,
    readonly broker: Broker,
  ) {
    const logger = new PinoLogger({ pinoHttp: { level: 'silent' } });
    this.inputs = new BrokerInputs(this.metrics, logger);
    const permissions = new Permissions(config);
    this.liveness = livenessOf(config.connection.ping);
    this.memory = new HeldMemory(config, this.metrics, logger);
    const { memory } = this;
    // Without a timer no connection would be read on.
    this.senders = new Senders({ ...config, limits: { ...config.limits, ...NO_LIMITS } }, memory);
    const quotas = new Quotas(config, memory, this.metrics);
    const reads = new Reads(memory, quotas);
    this.backlog = new Backlog(memory.maxBuffered, this.metrics);
    this.dispatcher = new Dispatcher(config, this.metrics, memory, logger);
    const presence = new Presence(broker, config, this.lifecycle, this.inputs, quotas, reads, logger);
    this.hub = new Hub(broker, config, presence, memory, this.metrics, this.inputs);
    this.channels = new ChannelsService(
      broker,
      config,
      new Authenticator(config, this.metrics, logger),
      permissions,
      new AuthorizationWebhook(config, this.metrics, logger),
      this.hub,
      new Replays(broker, config, this.inputs, reads),
      presence,
      reads,
      quotas,
      this.metrics,
      this.inputs,
    );
    new ChannelRequests(this.dispatcher, this.channels);
  }

  /** A pod that is stopped when the test ends. */
  static async start({ broker = new MemoryBroker(), file, env }: PodOptions = {}): Promise<Pod> {
    const pod = new Pod(testConfig(file, env), broker);
    pod.lifecycle.stage = 'ready';
    pod.hub.onModuleInit();
    pod.channels.onModuleInit();
    const { hub } = pod;
    await broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => hub.onLeave(channel, member),
      onPresenceGap: (channel) => hub.onPresenceGap(channel),
      onBelated: () => undefined,
      onSignal: () => undefined,
      onInvalid: (kind, name) => pod.inputs.invalid(kind, name),
      onFault: (error) =>
        // Where vitest hears of it: thrown here, it would be caught.
        queueMicrotask(() => {
          throw error;
        }),
    });
    onTestFinished(async () => {
      pod.channels.onApplicationShutdown();
      await broker.close();
    });
    return pod;
  }

  connect({ session, identity }: { session?: Session; identity?: Identity } = {}): PodClient {
    this.connections += 1;
    return new PodClient(this, `${this.config.node}-${this.connections}`, session, identity);
  }

  closed(): void {}

  /** A number that /metrics shows. */
  async metric(name: string): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value ?? 0;
  }
}

/** A client whose connection the test holds in its hand. */
export class PodClient {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  readonly webSocket = new ManualWebSocket();
  readonly socket: ManualSocket;
  readonly connection: Connection;
  private readonly answers = new Map<number, (frame: Frame) => void>();
  private lastId = 0;

  constructor(pod: Pod, id: string, session = newSession(), identity: Identity = ANONYMOUS) {
    this.socket = new ManualSocket((text) => this.take(text));
    this.connection = new Connection(id, session, identity, this.webSocket as unknown as WebSocket, this.socket, pod);
    this.connection.onDisconnect(() => {
      pod.channels.disconnected(this.connection);
      this.socket.destroy();
    });
  }

  get session(): Session {
    return this.connection.session;
  }

  /** Sends a request whose answer is not waited for. */
  send<E extends RequestEvent>(event: E, data: Requests[E]['data']): number {
    const id = (this.lastId += 1);
    this.webSocket.emit('message', Buffer.from(JSON.stringify({ event, id, data })), false);
    return id;
  }

  /** The answer's data; rejects with the error's. */
  async request<E extends RequestEvent>(event: E, data: Requests[E]['data']): Promise<Requests[E]['reply']> {
    const { promise, resolve } = Promise.withResolvers<Frame>();
    this.answers.set(this.send(event, data), resolve);
    const answer = await promise;
    if (answer.event === 'error') throw answer.data;
    return answer.data as Requests[E]['reply'];
  }

  subscribe(channel: string, options: Omit<SubscribeRequest, 'channel'> = {}): Promise<Requests['subscribe']['reply']> {
    return this.request('subscribe', { channel, ...options });
  }

  of(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** The offsets of all messages, in the order in which they came. */
  get offsets(): number[] {
    return this.of('message').map(({ data }) => data['offset'] as number);
  }

  /** The events that came, and the offset of each that has one: `message 3`, `gap 5`. */
  get story(): string[] {
    return this.frames.map(({ event, data: { offset } }) =>
      typeof offset === 'number' ? `${event} ${offset}` : event,
    );
  }

  /** @param code that of the client's close frame; by default the connection breaks. */
  disconnect(code = 1006): void {
    this.webSocket.ended(code);
  }

  private take(text: string): void {
    const frame = JSON.parse(text) as Frame;
    this.texts.push(text);
    this.frames.push(frame);
    if (frame.id !== undefined) this.answers.get(Number(frame.id))?.(frame);
  }
}
