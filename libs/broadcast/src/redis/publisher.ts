import type { Idempotency, Position, PublishRequest, PublishResult } from '../broker.js';
import { KeyConflictError } from '../errors.js';
import { sizeArgument, ttlArgument } from './client/arguments.js';
import { positionIn } from './input.js';
import { SCRIPTS } from './scripts/index.js';
import type { StoreContext } from './stores/context.js';

/** Stores publications, and publishes them to the pods. */
export class Publisher {
  readonly #context: StoreContext;
  readonly #nextEpoch: () => string;
  readonly #onPublished: (channel: string, position: Position) => void;

  constructor(
    context: StoreContext,
    nextEpoch: () => string,
    onPublished: (channel: string, position: Position) => void,
  ) {
    this.#context = context;
    this.#nextEpoch = nextEpoch;
    this.#onPublished = onPublished;
  }

  /**
   * @param origin another key that must not be known.
   * @throws KeyConflictError
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async publish(request: PublishRequest, origin?: Idempotency): Promise<PublishResult> {
    const { router, keyspace, input } = this.#context;
    const { channel, payload, stream, idempotency } = request;
    const known = [idempotency, origin].filter((one) => one !== undefined);
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.PUBLISH,
      keys: [
        keyspace.meta(channel),
        keyspace.log(channel),
        ...known.map((one) => keyspace.idempotencyKey(channel, one)),
      ],
      args: [
        this.#nextEpoch(),
        keyspace.publishCommand,
        keyspace.pubSubChannel(channel),
        payload,
        sizeArgument(stream.historySize),
        ttlArgument(stream.historyTtl),
        ttlArgument(stream.positionTtl),
        known[0]?.fingerprint ?? '',
        ...known.map(({ window }) => ttlArgument(window)),
      ],
      confirmed: true,
    });
    const [outcome] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (outcome === 'conflict') throw new KeyConflictError('the key was used before with different data');
    const position = positionIn(answer);
    if (position === undefined) throw input.badAnswer(channel);
    this.#onPublished(channel, position);
    return { ...position, duplicate: outcome === 'duplicate' };
  }
}
