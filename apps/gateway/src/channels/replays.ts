import { BROKER, type History, type HistoryQuery, type MessageLog, type StoredPublication } from '@holdfast/broadcast';
import type { Position, SubscribeRequest } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { textFrame } from '../connection/web-socket-frame.js';
import { fromBroker } from '../errors/broker-errors.js';
import type { LocalChannel } from './local-channel.js';
import { encodeMessage, isReadable } from './message.js';
import { ReplayBudget } from './replay-budget.js';
import { readerOf, Reads } from './reads.js';
import type { Subscription } from './subscription.js';
import { ownSubscriptions, subscriptionsOf } from './subscriptions.js';

/** Where a subscription starts, and what is sent first. */
export interface Start {
  readonly position: Position;
  /** What follows the answer, up to the position. */
  readonly replay: readonly Buffer[];
  /** Only for a resume. */
  readonly recovered?: boolean;
}

/** What a read costs besides its payloads, and each payload besides its text. */
const OVERHEAD = 128;

/** How often the stream is read while it does not match this pod's position in it. */
const MAX_READS = 4;

/** Determines what a resuming or joining client is sent. The replay is fixed before the answer. */
@Injectable()
export class Replays {
  /** Publications that were already validated: many clients resume with the same ones. */
  private readonly readable = new WeakSet<StoredPublication>();

  constructor(
    @Inject(BROKER) private readonly broker: MessageLog,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  /**
   * Determines where the subscription starts. What the broker delivered while the stream was read waits in the
   * subscription. It continues without a gap only if it is of the same epoch. A broker that has just lost its primary
   * may also return less than it delivered before. In both cases the stream is read again.
   *
   * @throws ProtocolError `unavailable` if they still do not match. The client then tries again.
   */
  async start(subscription: Subscription, request: SubscribeRequest): Promise<Start> {
    const { channel, connection } = subscription;
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const delivered = channel.position;
      const start = await this.read(subscription, request);
      const { epoch, offset } = start.position;
      const isBehind = epoch === delivered.epoch && offset < delivered.offset;
      if (epoch !== channel.position.epoch || isBehind) {
        subscriptionsOf(connection)?.replays?.release(sizeOf(start.replay));
        continue;
      }
      subscription.startAt(start.position, sizeOf(start.replay), subscriptionsOf(connection)?.replays);
      return start;
    }
    throw new ProtocolError('unavailable');
  }

  private async read({ channel, connection }: Subscription, { since, last }: SubscribeRequest): Promise<Start> {
    const { position } = channel;
    if (since !== undefined && since.epoch === position.epoch && since.offset === position.offset) {
      return { position, replay: [], recovered: true };
    }
    if (since === undefined && last === undefined) return { position, replay: [] };
    const budget = (ownSubscriptions(connection).replays ??= new ReplayBudget(this.config.replay.maxBytes));
    await budget.reserve();
    let bytes = 0;
    try {
      const start =
        since === undefined
          ? await this.recent(channel, connection, last ?? 0)
          : await this.resume(channel, connection, since);
      bytes = sizeOf(start.replay);
      return start;
    } finally {
      budget.settle(bytes);
    }
  }

  private async resume(channel: LocalChannel, connection: Connection, since: Position): Promise<Start> {
    const { position } = channel;
    const { maxMessages, maxBytes } = this.config.replay;
    // Too much in any case, and after a long outage many clients are this far behind.
    if (since.epoch === position.epoch && position.offset - since.offset > maxMessages) {
      return { position, replay: [], recovered: false };
    }
    const history = await this.history(channel, connection, { since, limit: maxMessages, maxBytes });
    const { epoch, offset, publications, complete } = history;
    const reached = publications.at(-1)?.offset ?? since.offset;
    const replay = publications.flatMap((publication) => this.frameOf(channel, publication) ?? []);
    const isWhole = complete && replay.length === publications.length;
    const recovered = isWhole && reached === offset && sizeOf(replay) <= maxBytes;
    return { position: { epoch, offset }, replay: recovered ? replay : [], recovered };
  }

  private async recent(channel: LocalChannel, connection: Connection, last: number): Promise<Start> {
    const { maxMessages, maxBytes } = this.config.replay;
    const limit = Math.min(last, maxMessages);
    const history = await this.history(channel, connection, { limit, maxBytes, reverse: true });
    const { epoch, offset, publications } = history;
    const replay: Buffer[] = [];
    let bytes = 0;
    // Fewer if they are large: joining takes what fits, while a resume needs everything.
    for (const publication of publications) {
      const frame = this.frameOf(channel, publication);
      if (frame === undefined) continue;
      bytes += frame.length;
      if (bytes > maxBytes) break;
      replay.push(frame);
    }
    return { position: { epoch, offset }, replay: replay.toReversed() };
  }

  /** The same frame as the live message; undefined if the payload is invalid. */
  private frameOf({ name }: LocalChannel, publication: StoredPublication): Buffer | undefined {
    if (!this.readable.has(publication)) {
      if (!isReadable(publication)) {
        this.inputs.invalid('payload', name);
        return undefined;
      }
      this.readable.add(publication);
    }
    return textFrame(encodeMessage(name, publication));
  }

  private history({ name }: LocalChannel, connection: Connection, query: HistoryQuery): Promise<History> {
    return this.reads.run(readerOf(connection), () => fromBroker(this.broker.history(name, query)), sizeOfHistory);
  }
}

/** Even an empty history has a cost. */
export function sizeOfHistory({ publications }: History): number {
  return publications.reduce((sum, { payload }) => sum + payload.length + OVERHEAD, OVERHEAD);
}

function sizeOf(frames: readonly Buffer[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0);
}
