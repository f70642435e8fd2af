import type { LogOffset } from '../log-adapter.js';
import { ByteReader, InvalidBytesError } from '../records/bytes.js';
import { readStream } from '../records/record-codec.js';
import { NO_ERA } from '../records/records.js';
import { ChannelState } from './channel-table.js';
import { Fold, type FoldOptions } from './fold.js';
import type { PodState } from './pod-table.js';
import { BIAS, ITEMS } from './snapshot-format.js';

/** Restores the state that a snapshot contains, in steps: with many channels it takes longer than the event loop may stand still. */
export class SnapshotReader {
  readonly #fold: Fold;
  readonly #pods: PodState[] = [];
  readonly #asOf: LogOffset;
  readonly #parts: Iterator<Uint8Array>;
  #part: ByteReader | undefined;

  /** @param parts all of them, in order. */
  constructor(parts: readonly Uint8Array[], asOf: LogOffset, options: FoldOptions = {}) {
    this.#fold = new Fold(options);
    this.#asOf = asOf;
    this.#parts = parts.values();
  }

  /**
   * Restores some more.
   *
   * @returns the state if it is complete.
   * @throws InvalidBytesError
   */
  step(count: number): Fold | undefined {
    const fold = this.#fold;
    for (let restored = 0; restored < count; restored += 1) {
      while (this.#part === undefined || this.#part.isAtEnd) {
        const { done, value } = this.#parts.next();
        if (done === true) return this.#complete();
        this.#part = new ByteReader(value);
      }
      readItem(this.#part, fold, this.#pods);
    }
    return undefined;
  }

  #complete(): Fold {
    if (this.#fold.era === NO_ERA) throw new InvalidBytesError('the snapshot has no beginning');
    this.#fold.at = this.#asOf;
    return this.#fold;
  }
}

function readItem(from: ByteReader, fold: Fold, pods: PodState[]): void {
  const type = from.byte();
  const { current: generation } = fold.generations;
  switch (type) {
    case ITEMS.head: {
      fold.era = from.text();
      fold.eraAt = from.uint();
      fold.partitions = from.uint();
      fold.setPolicy(from.text());
      fold.setRules(from.uint());
      fold.time.restore(from.uint());
      fold.digest.restore(from.uint());
      for (let count = from.uint(); count > 0; count -= 1) pods.push(readPod(from, fold));
      return;
    }
    case ITEMS.channel: {
      const [name, offset, first, published, used] = [from.text(), from.uint(), from.uint(), from.uint(), from.uint()];
      const channel = new ChannelState(name, from.uint(), from.uint(), readStream(from), used, generation);
      Object.assign(channel, { offset, first, published, openCount: from.uint() });
      for (let count = channel.openCount; count > 0; count -= 1) podAt(pods, from.uint()).opened.add(channel);
      fold.channels.restore(channel);
      return;
    }
    case ITEMS.key: {
      const [id, fingerprint, beganAt, beganIndex] = [from.text(), from.text(), from.uint(), from.uint()];
      const [offset, expires] = [from.uint(), from.uint()];
      fold.keys.restore({ id, fingerprint, beganAt, beganIndex, offset, expires, generation });
      return;
    }
    case ITEMS.member: {
      const [channel, client, details, holder] = [from.text(), from.text(), from.text(), from.text()];
      const [pod, since] = [podAt(pods, from.uint()), from.uint()];
      fold.members.set(channel, client, { value: { client, details }, holder, pod, since });
      return;
    }
    case ITEMS.connection: {
      const [user, client, holder, node, began] = [from.text(), from.text(), from.text(), from.text(), from.uint()];
      const [pod, since] = [podAt(pods, from.uint()), from.uint()];
      const value = { client, holder, user, node, since: began };
      fold.connections.set(user, client, { value, holder, pod, since });
      return;
    }
    default:
      throw new InvalidBytesError('a snapshot contains something unknown');
  }
}

function readPod(from: ByteReader, fold: Fold): PodState {
  const pod = fold.pods.named(from.text());
  pod.number = from.uint();
  pod.lead = from.uint() - BIAS;
  pod.seen = from.uint();
  pod.isDead = from.byte() === 1;
  pod.rules = from.uint();
  return pod;
}

function podAt(pods: readonly PodState[], index: number): PodState {
  const pod = pods[index];
  if (pod === undefined) throw new InvalidBytesError('a snapshot names a pod that it does not contain');
  return pod;
}
