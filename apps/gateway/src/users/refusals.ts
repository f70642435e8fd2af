import { BROKER, type Broker, type StreamOptions } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { fromBroker } from '../channels/broker-errors.js';
import { Connections } from '../gateway/connections.js';

/** The longest time for which a user may be refused: 30 days. */
export const MAX_REFUSAL_MS = 30 * 86_400_000;

/** No name of a channel, so that no client and no call of the API gets at it. */
const STREAM_NAME = '!refusals';
const STREAM: StreamOptions = { historySize: 10_000, historyTtl: MAX_REFUSAL_MS, positionTtl: MAX_REFUSAL_MS };

interface Refusal {
  readonly user: string;
  /** ms since the Unix epoch. */
  readonly until: number;
}

/**
 * The users who are refused, as a stream of the broker: signals tell the pods that listen, and the stream those that
 * start later or did not listen at that moment.
 */
@Injectable()
export class Refusals {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Connections) private readonly connections: Connections,
  ) {}

  async store(refusal: Refusal): Promise<void> {
    await fromBroker(this.broker.publish({ channel: STREAM_NAME, payload: JSON.stringify(refusal), stream: STREAM }));
  }

  /** Has this pod refuse whoever the broker knows of. Rejects as {@link Broker.history} does. */
  async load(): Promise<void> {
    const { publications } = await this.broker.history(STREAM_NAME, { limit: STREAM.historySize });
    for (const { payload } of publications) {
      const { user, until } = JSON.parse(payload) as Refusal;
      this.connections.refuse(user, until);
    }
  }
}
