import type { Broker, Idempotency, Position, PublishResult, StreamOptions } from '@holdfast/broadcast';

export interface StoredText {
  readonly text: string;
  /** The broker's clock when it was stored, in ms since the Unix epoch. */
  readonly time: number;
  /** Whether a signal has already brought it to this pod, so that it is done. */
  readonly heard: boolean;
}

export interface Unread {
  readonly texts: readonly StoredText[];
  /** Whether the stream is another one than before, so that `texts` is all of it. */
  readonly isNew: boolean;
  /** Whether the stream has dropped some that this pod has not read. */
  readonly incomplete: boolean;
  /** Call it when everything was handled. Otherwise it is read again. */
  readonly done: () => void;
}

/**
 * A stream of the broker that every pod reads periodically, while signals bring the same entries sooner. Each entry
 * counts once per pod, whichever way it comes.
 */
export class CommandStream {
  private read: Position | undefined;
  /** Positions beyond {@link read} that signals have brought. */
  private readonly heard = new Set<string>();

  constructor(
    private readonly broker: Broker,
    /** Not a channel name, so that no client and no call of the API gets at it. */
    private readonly name: string,
    private readonly options: StreamOptions,
  ) {}

  /** The epoch up to whose entries this pod has read; undefined while the stream is empty. */
  get epoch(): string | undefined {
    return this.read === undefined || this.read.offset === 0 ? undefined : this.read.epoch;
  }

  append(text: string, idempotency?: Idempotency): Promise<PublishResult> {
    return this.broker.publish({ channel: this.name, payload: text, stream: this.options, idempotency });
  }

  /**
   * Records that a signal has brought the entry at `position`.
   *
   * @returns whether it is new to this pod.
   */
  hear(position: Position): boolean {
    if (this.isKnown(position)) return false;
    this.heard.add(keyOf(position));
    if (this.read?.epoch === position.epoch) this.advance(this.read);
    return true;
  }

  /** What this pod has not read yet. Rejects like the methods of {@link Broker}. */
  async unread(): Promise<Unread> {
    const { broker, name, read } = this;
    const limit = this.options.historySize;
    if (read !== undefined) {
      const { epoch, offset } = await broker.history(name, { limit: 0 });
      if (epoch === read.epoch && offset <= read.offset) return NOTHING;
    }
    const rest = await broker.history(name, { limit, since: read });
    const { epoch, offset, publications, complete } = rest;
    const texts = publications.map((publication) => ({
      text: publication.payload,
      time: publication.time,
      heard: this.isKnown({ epoch, offset: publication.offset }),
    }));
    const isNew = epoch !== read?.epoch;
    return { texts, isNew, incomplete: !isNew && !complete, done: () => this.advance({ epoch, offset }) };
  }

  private isKnown(position: Position): boolean {
    const { read } = this;
    if (read?.epoch === position.epoch && position.offset <= read.offset) return true;
    return this.heard.has(keyOf(position));
  }

  /** Everything up to `position` was read. Also skips what signals have brought right after it. */
  private advance({ epoch, offset }: Position): void {
    let last = this.read?.epoch === epoch ? Math.max(offset, this.read.offset) : offset;
    while (this.heard.delete(keyOf({ epoch, offset: last + 1 }))) last += 1;
    this.read = { epoch, offset: last };
    for (const key of this.heard) {
      const [heardOffset = '', heardEpoch] = key.split(' ');
      if (heardEpoch !== epoch || Number(heardOffset) <= last) this.heard.delete(key);
    }
  }
}

const NOTHING: Unread = { texts: [], isNew: false, incomplete: false, done: () => undefined };

function keyOf({ epoch, offset }: Position): string {
  return `${offset} ${epoch}`;
}
