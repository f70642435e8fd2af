import { setTimeout as sleep } from 'node:timers/promises';
import { FakeSubscription, type FakeSubscriptionOptions, type PullCall } from './fake-subscription.js';
import { Empty, grpc, SERVICE, v1, type ReceivedMessage } from './protocol.js';

type Method = keyof typeof SERVICE;
type Problem = Partial<grpc.StatusObject>;
type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>;

const DELETED_TOPIC = '_deleted-topic_';
const LARGEST = 10_000_000;

/**
 * A server of Google Cloud Pub/Sub in this process, with what the adapter uses and with the faults that the service is known or
 * documented to have. It is not the service: it delivers in order and quickly unless it is asked for something else.
 */
export class FakePubsub {
  /** ms by which each message is late, for each subscription apart; may be changed at any time. */
  lag: () => number = () => 0;
  /** What a call fails with; undefined if it does not. */
  refusal: (method: Method) => Problem | undefined = () => undefined;
  readonly topics = new Set<string>();
  readonly subscriptions = new Map<string, FakeSubscription>();
  /** Calls since the start. */
  readonly calls: Record<Method, number>;
  readonly #ackDeadline: number;
  #server: grpc.Server | undefined;
  #port = 0;
  #messages = 0;
  #hung: (() => void)[] | undefined;

  /** @param options.ackDeadline ms in place of the 10 s that are the least at Google. */
  private constructor({ ackDeadline = 200 }: { readonly ackDeadline?: number } = {}) {
    this.#ackDeadline = ackDeadline;
    this.calls = Object.fromEntries(Object.keys(SERVICE).map((name) => [name, 0])) as Record<Method, number>;
  }

  static async start(options: { readonly ackDeadline?: number } = {}): Promise<FakePubsub> {
    const fake = new FakePubsub(options);
    await fake.run();
    return fake;
  }

  get port(): number {
    return this.#port;
  }

  /** Begins to listen, or listens again on the same port, with everything that it had. */
  async run(): Promise<void> {
    const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
    server.addService(SERVICE, this.#handlers());
    for (let attempts = 0; ; attempts += 1) {
      try {
        this.#port = await new Promise<number>((resolve, reject) => {
          const done = (error: Error | null, port: number): void => (error === null ? resolve(port) : reject(error));
          server.bindAsync(`127.0.0.1:${this.#port}`, grpc.ServerCredentials.createInsecure(), done);
        });
        break;
      } catch (error) {
        if (attempts > 100) throw error;
        await sleep(50);
      }
    }
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** Answers nothing and delivers nothing until {@link resume}. What it receives meanwhile is done then. */
  hang(): void {
    this.#hung ??= [];
    for (const subscription of this.subscriptions.values()) subscription.hold();
  }

  resume(): void {
    const hung = this.#hung ?? [];
    this.#hung = undefined;
    for (const work of hung) work();
    for (const subscription of this.subscriptions.values()) subscription.release();
  }

  /** Delivers the latest messages of each subscription again. */
  repeat(count: number): void {
    for (const subscription of this.subscriptions.values()) subscription.repeat(count);
  }

  /** As when nobody has used it for a day, or when somebody deletes it. */
  expire(name: string): void {
    const subscription = this.subscriptions.get(name);
    this.subscriptions.delete(name);
    subscription?.end(grpc.status.NOT_FOUND, `Resource not found (resource=${name}).`);
  }

  /** Its subscriptions stay, and receive nothing more. */
  deleteTopic(topic: string): void {
    this.topics.delete(topic);
    for (const subscription of this.subscriptions.values())
      if (subscription.topic === topic) subscription.isAttached = false;
  }

  /** Loses everything. */
  clear(): void {
    this.topics.clear();
    for (const name of this.subscriptions.keys()) this.expire(name);
  }

  publish(topic: string, message: Partial<ReceivedMessage>): string {
    this.#messages += 1;
    const now = Date.now();
    const stored = v1.PubsubMessage.create({
      ...message,
      messageId: `${this.#messages}`,
      publishTime: { seconds: Math.floor(now / 1_000), nanos: (now % 1_000) * 1_000_000 },
    });
    for (const subscription of this.subscriptions.values()) {
      if (subscription.isAttached && subscription.topic === topic) subscription.add(stored);
    }
    return stored.messageId;
  }

  #handlers(): grpc.UntypedServiceImplementation {
    const unary = <Request, Response>(
      name: Method,
      handle: (request: Request) => Response,
    ): Unary<Request, Response> => {
      return ({ request }, answer) =>
        this.#do(() => {
          this.calls[name] += 1;
          try {
            const refusal = this.refusal(name);
            if (refusal !== undefined) throw problem(refusal.code ?? grpc.status.UNKNOWN, refusal.details ?? '');
            answer(null, handle(request));
          } catch (error) {
            answer(error as grpc.ServiceError);
          }
        });
    };
    return {
      createTopic: unary('createTopic', (topic: InstanceType<typeof v1.Topic>) => {
        if (this.topics.has(topic.name)) throw problem(grpc.status.ALREADY_EXISTS, 'Resource already exists.');
        this.topics.add(topic.name);
        return topic;
      }),
      deleteTopic: unary('deleteTopic', ({ topic }: { topic: string }) => {
        this.deleteTopic(topic);
        return Empty.create();
      }),
      publish: unary('publish', ({ topic, messages }: InstanceType<typeof v1.PublishRequest>) => {
        this.#expectTopic(topic);
        const sent = messages.map((message) => v1.PubsubMessage.create(message));
        if (sent.some(({ data }) => data.length > LARGEST)) throw problem(grpc.status.INVALID_ARGUMENT, 'too large');
        return v1.PublishResponse.create({ messageIds: sent.map((message) => this.publish(topic, message)) });
      }),
      createSubscription: unary('createSubscription', (wanted: InstanceType<typeof v1.Subscription>) => {
        this.#expectTopic(wanted.topic);
        if (this.subscriptions.has(wanted.name)) throw problem(grpc.status.ALREADY_EXISTS, 'Resource already exists.');
        if (!wanted.enableMessageOrdering)
          throw problem(grpc.status.INVALID_ARGUMENT, 'the fake only knows ordered ones');
        const options: FakeSubscriptionOptions = { ackDeadline: this.#ackDeadline, lag: () => this.lag() };
        const created = new FakeSubscription(wanted.name, wanted.topic, options);
        if (this.#hung !== undefined) created.hold();
        this.subscriptions.set(wanted.name, created);
        return wanted;
      }),
      getSubscription: unary('getSubscription', ({ subscription }: { subscription: string }) => {
        const { name, topic, isAttached } = this.#subscription(subscription);
        return v1.Subscription.create({ name, topic: isAttached ? topic : DELETED_TOPIC });
      }),
      deleteSubscription: unary('deleteSubscription', ({ subscription }: { subscription: string }) => {
        this.#subscription(subscription);
        this.expire(subscription);
        return Empty.create();
      }),
      streamingPull: (call: PullCall) => this.#pull(call),
    };
  }

  #pull(call: PullCall): void {
    this.calls.streamingPull += 1;
    let subscription: FakeSubscription | undefined;
    call.on('data', ({ subscription: name, ackIds }: InstanceType<typeof v1.StreamingPullRequest>) =>
      this.#do(() => {
        try {
          const refusal = this.refusal('streamingPull');
          if (refusal !== undefined) throw problem(refusal.code ?? grpc.status.UNKNOWN, refusal.details ?? '');
          if (subscription === undefined) {
            subscription = this.#subscription(name);
            if (!call.cancelled) subscription.attach(call);
          } else subscription.acknowledge(ackIds);
        } catch (error) {
          call.emit('error', error);
        }
      }),
    );
    const end = (): void => subscription?.detach(call);
    call.on('end', () => {
      end();
      call.end();
    });
    call.on('cancelled', end);
    call.on('error', end);
    call.on('close', end);
  }

  #do(work: () => void): void {
    if (this.#hung === undefined) work();
    else this.#hung.push(work);
  }

  #subscription(name: string): FakeSubscription {
    const found = this.subscriptions.get(name);
    if (found === undefined) throw problem(grpc.status.NOT_FOUND, `Resource not found (resource=${name}).`);
    return found;
  }

  #expectTopic(topic: string): void {
    if (!this.topics.has(topic)) throw problem(grpc.status.NOT_FOUND, `Resource not found (resource=${topic}).`);
  }
}

function problem(code: grpc.status, details: string): grpc.ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new grpc.Metadata() });
}
