import { vi } from 'vitest';
import type {
  Broker,
  BrokerEvents,
  BrokerInput,
  HistoryQuery,
  Idempotency,
  ChannelMember,
  Position,
  StoredPublication,
  PublishResult,
  StreamOptions,
} from '../broker.js';
import type { BrokerNotice } from '../broker-stats.js';
import type { PlainRefusal } from '../plain-messages.js';

/** Longer than any test takes. */
export const LASTING: StreamOptions = { historySize: 1_000, historyTtl: 600_000, positionTtl: 600_000 };

/** Retries until the assertions hold. */
export async function until<T>(assertions: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertions, { timeout: 15_000, interval: 10 });
}

/** One pod's broker, and all events of it. */
export class Pod implements BrokerEvents {
  /** Events of this pod, each as one line, in order. */
  readonly gaps: string[] = [];
  readonly presence: string[] = [];
  readonly presenceGaps: string[] = [];
  readonly late: string[] = [];
  readonly signals: string[] = [];
  readonly invalid: string[] = [];
  readonly notices: BrokerNotice[] = [];
  readonly refused: string[] = [];
  readonly faults: unknown[] = [];
  readonly #publications = new Map<string, StoredPublication[]>();
  #open = false;

  constructor(readonly broker: Broker) {}

  async start(): Promise<void> {
    this.#open = true;
    await this.broker.start(this);
    await until(() => {
      if (this.broker.health().status !== 'up') throw new Error('the broker is not up');
    });
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.broker.close();
  }

  /** The publications delivered on a channel. */
  delivered(channel: string): readonly StoredPublication[] {
    return this.#publications.get(channel) ?? [];
  }

  async publish(
    channel: string,
    payload: string,
    stream: Partial<StreamOptions> = {},
    idempotency?: Idempotency,
  ): Promise<PublishResult> {
    return this.broker.publish({ channel, payload, stream: { ...LASTING, ...stream }, idempotency });
  }

  /** Publishes the payloads '1', '2' … one after the other; returns the last position. */
  async publishMany(channel: string, count: number, stream: Partial<StreamOptions> = {}): Promise<Position> {
    let position: Position = { epoch: '', offset: 0 };
    for (let number = 1; number <= count; number += 1) position = await this.publish(channel, `${number}`, stream);
    return { epoch: position.epoch, offset: position.offset };
  }

  async offsets(channel: string, query: Partial<HistoryQuery> = {}): Promise<number[]> {
    const { publications } = await this.broker.history(channel, { limit: 1_000, ...query });
    return publications.map(({ offset }) => offset);
  }

  /** Resolves when the broker's clock has passed `time`. */
  async passed(time: number): Promise<void> {
    await until(() => {
      if (this.broker.now() <= time) throw new Error(`the broker's clock has not passed ${time}`);
    });
  }

  onPublication(channel: string, publication: StoredPublication): void {
    const delivered = this.#publications.get(channel);
    if (delivered === undefined) this.#publications.set(channel, [publication]);
    else delivered.push(publication);
  }

  onGap(channel: string, { epoch, offset }: Position): void {
    this.gaps.push(`${channel} ${epoch} ${offset}`);
  }

  onJoin(channel: string, { client, details }: ChannelMember): void {
    this.presence.push(`${channel} + ${client} ${details}`);
  }

  onLeave(channel: string, { client, details }: ChannelMember): void {
    this.presence.push(`${channel} - ${client} ${details}`);
  }

  onPresenceGap(channel: string): void {
    this.presenceGaps.push(channel);
  }

  onLateMembership(event: 'join' | 'leave', channel: string, { client, details }: ChannelMember, count: number): void {
    this.late.push(`${channel} ${event} ${client} ${details} of ${count}`);
  }

  onSignal(signal: string): void {
    this.signals.push(signal);
  }

  onNotice(notice: BrokerNotice): void {
    this.notices.push(notice);
  }

  onInvalid(kind: BrokerInput, name: string): void {
    this.invalid.push(`${kind} ${name}`);
  }

  onPlainRefused(channel: string, reason: PlainRefusal): void {
    this.refused.push(`${reason} ${channel}`);
  }

  onFault(error: unknown): void {
    this.faults.push(error);
  }
}
