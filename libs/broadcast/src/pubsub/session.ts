import type { protos } from '@google-cloud/pubsub';
import { LogUnavailableError, LogUnknownError } from '../log/log-adapter.js';
import { settled } from '../log/settled.js';
import { Code, codeOf, messageOf, unavailable } from './errors.js';
import type { PubsubLibrary } from './library.js';
import type { PubsubSettings, ServiceAccountKey } from './url.js';

/** ms without anything from the server after which it is asked whether it is there. */
const SILENCE = 1_500;
/** ms in which it has to answer. */
const ANSWER_WITHIN = 2_500;
/** ms between two looks. */
const TICK = 500;
/** ms between two looks whether there is another key. */
const ROTATION = 10_000;
/** ms after which the library gives up a call, whether anybody still waits or not. */
const FORGET_CALL = 10_000;
/** ms after which a publish without an answer is suspicious. */
const SLOW = 1_000;

/** Each call is made once: what to do after a failure is decided here. */
export const ONCE = { timeout: FORGET_CALL, retry: { retryCodes: [] } };

/** A message waits for no others: the engine has packed it, and the library would send it even after the session was closed. */
const ALONE = { ...ONCE, isBundling: false };

/** Why the server can be reached no more. */
const AWAY: ReadonlySet<number | undefined> = new Set([undefined, Code.deadlineExceeded, Code.unavailable]);

type Publisher = InstanceType<PubsubLibrary['v1']['PublisherClient']>;
type ClientOptions = NonNullable<ConstructorParameters<PubsubLibrary['v1']['PublisherClient']>[0]>;
type Subscriber = InstanceType<PubsubLibrary['v1']['SubscriberClient']>;

/** Connections to Pub/Sub with the credentials of one time: one for publishing, and one for everything else. */
export class Session {
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #settings: PubsubSettings;
  readonly #key: ServiceAccountKey | undefined;
  readonly #end = Promise.withResolvers<LogUnavailableError | 'rotated'>();
  readonly #tick: NodeJS.Timeout;
  #probing = false;
  #isClosed = false;
  /** When the server was last heard on each connection, as {@link performance.now}. */
  #heard = 0;
  #heardPublishing = 0;
  #rotation = performance.now();
  /** What asks the server whether it is there. */
  probe: () => Promise<unknown> = async () => undefined;

  constructor(library: PubsubLibrary, settings: PubsubSettings) {
    this.#settings = settings;
    this.#key = settings.key;
    const options = clientOptions(library, settings, this.#key);
    this.#publisher = new library.v1.PublisherClient(options);
    this.#subscriber = new library.v1.SubscriberClient(options);
    this.#tick = setInterval(() => this.#look(), TICK);
    this.#tick.unref();
  }

  /** Resolves when the session cannot be used any more, or when there is another key. */
  get ended(): Promise<LogUnavailableError | 'rotated'> {
    return this.#end.promise;
  }

  /** A call on a client that was closed would never settle. @throws LogUnavailableError */
  get publisher(): Publisher {
    this.#check();
    return this.#publisher;
  }

  /** @throws LogUnavailableError */
  get subscriber(): Subscriber {
    this.#check();
    return this.#subscriber;
  }

  /** Full name of the topic. */
  get topic(): string {
    return `projects/${this.#settings.project}/topics/${this.#settings.topic}`;
  }

  end(problem: LogUnavailableError | 'rotated'): void {
    this.#end.resolve(problem);
  }

  /** Something was received on the connection for reading. */
  hear(): void {
    this.#heard = performance.now();
  }

  /** Asks the server whether it is there. @throws LogUnavailableError */
  async reach(): Promise<void> {
    const within = AbortSignal.timeout(ANSWER_WITHIN);
    try {
      // The first time it looks for credentials.
      await settled(Promise.all([this.publisher.initialize(), this.subscriber.initialize()]), within, noAnswer);
      await settled(this.probe(), within, noAnswer);
    } catch (failure) {
      if (failure instanceof LogUnavailableError || AWAY.has(codeOf(failure)) || isRefusal(failure)) {
        throw unavailable(failure);
      }
    }
    this.hear();
  }

  /**
   * A call that changes nothing, or that may be repeated.
   *
   * @throws what the library throws, or LogUnavailableError if there is no answer in time.
   */
  async call<T>(call: Promise<[T, ...unknown[]]>, signal: AbortSignal): Promise<T> {
    const [response] = await settled(call, signal, noAnswer);
    this.hear();
    return response;
  }

  /** @throws what the library throws, or LogUnknownError if there is no answer in time. */
  async publish(message: protos.google.pubsub.v1.IPubsubMessage, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    try {
      await settled(
        this.publisher.publish({ topic: this.topic, messages: [message] }, ALONE),
        signal,
        noAcknowledgement,
      );
      this.#heardPublishing = performance.now();
    } catch (failure) {
      const isSilent = performance.now() - began >= SLOW && this.#heardPublishing < began;
      if (isSilent && signal.aborted) this.end(new LogUnavailableError('Pub/Sub does not answer publishes'));
      throw failure;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#tick);
    this.#isClosed = true;
    // Not by the clients: a call that has just begun would never settle.
    const clients = [this.#publisher, this.#subscriber];
    await Promise.allSettled(clients.map(async (client) => closeStub(await client.initialize())));
  }

  #check(): void {
    if (this.#isClosed) throw new LogUnavailableError('the connection was replaced');
  }

  #look(): void {
    const now = performance.now();
    if (this.#key !== undefined && now - this.#rotation > ROTATION) {
      this.#rotation = now;
      if (this.#settings.key?.private_key !== this.#key.private_key) this.end('rotated');
    }
    if (this.#probing || now - this.#heard < SILENCE) return;
    this.#probing = true;
    this.reach()
      .catch((error: unknown) => this.end(unavailable(error)))
      .finally(() => (this.#probing = false))
      .catch(() => undefined);
  }
}

function closeStub(stub: Readonly<Record<string, unknown>>): void {
  if (typeof stub['close'] === 'function') stub['close']();
}

function noAnswer(): Error {
  return new LogUnavailableError('Pub/Sub does not answer');
}

function noAcknowledgement(): Error {
  return new LogUnknownError('Pub/Sub did not answer in time');
}

function isRefusal(error: unknown): boolean {
  return codeOf(error) === Code.unauthenticated || /default credentials/i.test(messageOf(error));
}

function clientOptions(
  { grpc, auth }: PubsubLibrary,
  { endpoint: { host, port }, project, isInsecure }: PubsubSettings,
  key: ServiceAccountKey | undefined,
): ClientOptions {
  return {
    apiEndpoint: host.includes(':') ? `[${host}]` : host,
    port,
    projectId: project,
    ...(key !== undefined && { credentials: key }),
    // Without this the library would look for credentials of the environment.
    ...(isInsecure && {
      sslCreds: grpc.credentials.createInsecure(),
      auth: new auth.GoogleAuth({ authClient: new auth.PassThroughClient() }),
    }),
    // Connections are shared by all clients of a process otherwise, also one that is dead.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
  };
}
