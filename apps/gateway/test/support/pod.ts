import { setImmediate } from 'node:timers/promises';
import { MemoryBroker, type Broker } from '@holdfast/broadcast';
import type { RequestEvent, Requests, SubscribeRequest } from '@holdfast/protocol';
import { onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { ANONYMOUS, Authenticator, Permissions, type Identity } from '../../src/auth/index.js';
import { BrokerInputs } from '../../src/broker/broker-inputs.js';
import { ChannelsService } from '../../src/channels/channels.service.js';
import { Hub } from '../../src/channels/hub.js';
import { Presence } from '../../src/channels/presence.js';
import { Reads } from '../../src/channels/reads.js';
import { Replays } from '../../src/channels/replays.js';
import type { Config } from '../../src/config/index.js';
import { Backlog } from '../../src/connection/backlog.js';
import { ChannelRequests } from '../../src/channels/channel-requests.js';
import { Connection, type ConnectionContext } from '../../src/connection/connection.js';
import { Connections } from '../../src/connection/connections.js';
import { Dispatcher } from '../../src/connection/dispatcher.js';
import { FlushSchedule } from '../../src/connection/flush-schedule.js';
import { FrameJoiner } from '../../src/connection/outbox.js';
import { MessageInflater } from '../../src/connection/permessage-deflate.js';
import { livenessOf, type Liveness } from '../../src/connection/liveness.js';
import { Sessions, type Session } from '../../src/auth/session.js';
import { Lifecycle } from '../../src/lifecycle/lifecycle.js';
import { HeldMemory } from '../../src/limits/held-memory.js';
import { ClientCounter } from '../../src/limits/client-counter.js';
import { Overload } from '../../src/limits/overload.js';
import { Quotas } from '../../src/limits/quotas.js';
import { Senders } from '../../src/limits/senders.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { Tracing } from '../../src/tracing/tracing.js';
import { AuthorizationWebhook } from '../../src/auth/authorization-webhook.js';
import { testConfig } from './gateway.js';
import { NO_LIMITS } from './no-limits.js';
import { ManualSocket, ManualWebSocket } from './manual-socket.js';
import type { Frame } from './test-client.js';
import { SILENT } from './recorded-log.js';

/** Lets all pending promises and writes at the end of a tick complete. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await setImmediate();
}

export interface PodOptions {
  readonly broker?: Broker;
  /** The content of the configuration file. */
  readonly file?: object;
  readonly env?: NodeJS.ProcessEnv;
}

/** The channels of a pod without Nest or a network, so that a test controls the order of events. */
export class Pod implements ConnectionContext {
  readonly metrics = new Metrics();
  readonly lifecycle = new Lifecycle();
  readonly dispatcher: Dispatcher;
  readonly backlog: Backlog<Connection>;
  readonly memory: HeldMemory;
  readonly senders: Senders;
  readonly throttled = new Set<Connection>();
  readonly liveness: Liveness | undefined;
  readonly flushes = new FlushSchedule();
  readonly joiner = new FrameJoiner();
  readonly compressedJoiner = new FrameJoiner();
  readonly inflater: MessageInflater;
  readonly hub: Hub;
  readonly inputs: BrokerInputs;
  readonly channels: ChannelsService;
  private connections = 0;

  private constructor(
    readonly config: Config,
    readonly broker: Broker,
  ) {
    this.inputs = new BrokerInputs(this.metrics, SILENT);
    const tracing = new Tracing();
    const permissions = new Permissions(config);
    this.inflater = new MessageInflater(config.connection.maxPayload);
    this.liveness = livenessOf(config.connection.ping);
    this.memory = new HeldMemory(config, this.metrics, SILENT);
    const { memory } = this;
    // Without a timer, connections above these rates would never be read again.
    this.senders = new Senders({ ...config, limits: { ...config.limits, ...NO_LIMITS } }, memory);
    const quotas = new Quotas(config, memory, this.metrics);
    const reads = new Reads(memory, quotas);
    this.backlog = new Backlog(memory.maxBuffered, this.metrics);
    this.dispatcher = new Dispatcher(config, this.metrics, memory, SILENT);
    const presence = new Presence(broker, config, this.lifecycle, this.inputs, quotas, reads, SILENT);
    this.hub = new Hub(broker, config, presence, memory, this.metrics, this.inputs, this.flushes, tracing);
    this.channels = new ChannelsService(
      broker,
      config,
      new Authenticator(config, this.metrics, SILENT),
      permissions,
      new AuthorizationWebhook(config, this.metrics, SILENT),
      this.hub,
      new Replays(broker, config, this.inputs, reads),
      presence,
      reads,
      quotas,
      this.metrics,
      this.inputs,
      tracing,
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
      onLateMembership: () => undefined,
      onSignal: () => undefined,
      onInvalid: (kind, name) => pod.inputs.invalid(kind, name),
      onNotice: () => undefined,
      onPlainRefused: () => {},
      onFault: (error) =>
        // So that vitest notices it: an exception thrown here would be caught.
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

  /** @param compresses whether it agreed on permessage-deflate. */
  connect({
    session,
    identity,
    compresses,
  }: { session?: Session; identity?: Identity; compresses?: boolean } = {}): PodClient {
    this.connections += 1;
    return new PodClient(this, `${this.config.node}-${this.connections}`, session, identity, compresses);
  }

  /** The connections of a complete gateway, which do not include this pod's. */
  openConnections(): Connections {
    const { config, metrics, dispatcher, memory, senders } = this;
    const overload = new Overload(config, memory, metrics, SILENT);
    return new Connections(
      config,
      metrics,
      dispatcher,
      memory,
      new ClientCounter(config),
      senders,
      this.flushes,
      overload,
    );
  }

  closed(): void {}

  /** The value of a metric. */
  async metric(name: string): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value ?? 0;
  }
}

/** A client whose connection is controlled by the test. */
export class PodClient {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  readonly webSocket = new ManualWebSocket();
  readonly socket: ManualSocket;
  readonly connection: Connection;
  private readonly answers = new Map<number, (frame: Frame) => void>();
  private lastId = 0;

  constructor(
    pod: Pod,
    id: string,
    session = new Sessions().create(),
    identity: Identity = ANONYMOUS,
    compresses = false,
  ) {
    this.socket = new ManualSocket((text) => this.take(text));
    const webSocket = this.webSocket as unknown as WebSocket;
    this.connection = new Connection(id, session, identity, webSocket, this.socket, pod, compresses);
    this.connection.onDisconnect(() => {
      pod.channels.disconnected(this.connection);
      this.socket.destroy();
    });
  }

  get session(): Session {
    return this.connection.session;
  }

  /** Sends a request without waiting for the reply. */
  send<E extends RequestEvent>(event: E, data: Requests[E]['data']): number {
    const id = (this.lastId += 1);
    this.webSocket.emit('message', Buffer.from(JSON.stringify({ event, id, data })), false);
    return id;
  }

  /** The reply's data; rejects with the error's data. */
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

  /** The offsets of all messages, in order of arrival. */
  get offsets(): number[] {
    return this.of('message').map(({ data }) => data['offset'] as number);
  }

  /** The received events, each with its offset if it has one: `message 3`, `gap 5`. */
  get received(): string[] {
    return this.frames.map(({ event, data: { offset } }) =>
      typeof offset === 'number' ? `${event} ${offset}` : event,
    );
  }

  /** @param code of the client's close frame; by default the connection breaks. */
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
