import { BROKER, type Broker, type StreamOptions } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { fromBroker } from '../channels/broker-errors.js';
import { Connections } from '../gateway/connections.js';
import { parseRefusal, type Refusal } from './user-signal.js';

/** The longest time for which a user may be refused: 30 days. */
export const MAX_REFUSAL_MS = 30 * 86_400_000;

/** No name of a channel, so that no client and no call of the API gets at it. */
const STREAM_NAME = '!refusals';
const STREAM: StreamOptions = { historySize: 10_000, historyTtl: MAX_REFUSAL_MS, positionTtl: MAX_REFUSAL_MS };

/** ms between two looks whether the stream has begun anew. */
const INTERVAL = 10_000;

/**
 * The users who are refused, as a stream of the broker: signals tell the pods that listen, and the stream those that
 * start later or did not listen at that moment. A broker that has lost the stream gets it back from the pods.
 */
@Injectable()
export class Refusals implements OnModuleInit, OnApplicationShutdown {
  private epoch: string | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
  ) {}

  onModuleInit(): void {
    // Where the broker is away, it is looked at again when it is back.
    this.timer = setInterval(() => void this.check().catch(() => undefined), INTERVAL);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async store(refusal: Refusal): Promise<void> {
    await fromBroker(this.publish(refusal));
  }

  /**
   * Has this pod refuse whoever the broker knows of, and tells the broker of whom only this pod knows. Rejects as the
   * methods of {@link Broker} do.
   */
  async load(): Promise<void> {
    const { epoch, publications } = await this.broker.history(STREAM_NAME, { limit: STREAM.historySize });
    const stored = new Set<string>();
    for (const { payload } of publications) {
      const refusal = parseRefusal(payload);
      if (refusal === undefined) {
        this.inputs.invalid('refusal', STREAM_NAME);
        continue;
      }
      stored.add(keyOf(refusal));
      this.connections.refuse(refusal.user, refusal.until);
    }
    let present = epoch;
    for (const refusal of this.connections.refusals()) {
      if (!stored.has(keyOf(refusal))) present = await this.publish(refusal);
    }
    // Not before: what could not be told is told the next time.
    this.epoch = present;
  }

  /** Loads again where the stream is another one. */
  private async check(): Promise<void> {
    if (this.epoch === undefined) return;
    const { epoch } = await this.broker.history(STREAM_NAME, { limit: 0 });
    if (epoch !== this.epoch) await this.load();
  }

  /** Once, however many pods do so. */
  private async publish(refusal: Refusal): Promise<string> {
    const key = keyOf(refusal);
    const window = Math.max(refusal.until - this.broker.now(), 1);
    const { epoch } = await this.broker.publish({
      channel: STREAM_NAME,
      payload: JSON.stringify(refusal),
      stream: STREAM,
      idempotency: { publisher: 'gateway', key, fingerprint: key, window },
    });
    return epoch;
  }
}

function keyOf({ user, until }: Refusal): string {
  return `${until} ${user}`;
}
