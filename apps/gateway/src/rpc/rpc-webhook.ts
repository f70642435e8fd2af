import { dataSchema, type RequestFrame } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { Dispatcher } from '../connection/dispatcher.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { WEBHOOK_COST } from '../limits/senders.js';
import { Metrics } from '../metrics/metrics.js';
import { FairRequests } from '../outbound/fair-requests.js';
import { NotRunError } from '../outbound/fair-slots.js';
import { postForAnswer } from '../outbound/post-for-answer.js';
import { OutboundError } from '../outbound/request.js';
import { standingOf } from '../outbound/standing.js';
import { EventLog } from '../logging/event-log.js';

/** The longest message of a refusal, in characters. */
const MAX_MESSAGE = 1_000;

/** Strict, so that a typo does not look like success. */
const answerSchema = z.union([
  z.strictObject({ data: dataSchema.optional() }),
  z.strictObject({
    error: z.strictObject({ message: z.string().max(MAX_MESSAGE).optional(), data: dataSchema.optional() }),
  }),
]);
type RpcAnswer = z.output<typeof answerSchema>;

/** Calls of clients that no handler of this process answers: a team's backend does. */
@Injectable()
export class RpcWebhook {
  private readonly requests: FairRequests;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(Dispatcher) dispatcher: Dispatcher,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    const { url, concurrency, timeout } = config.webhooks.rpc;
    this.requests = new FairRequests({
      concurrency,
      timeout,
      onPaused: (isPaused) => {
        this.log.write(isPaused ? 'rpc.paused' : 'rpc.resumed');
      },
    });
    metrics.gauge(
      'holdfast_rpc_breaker_open',
      '1 while requests to the RPC webhook are paused because it fails',
      () => +this.requests.isPaused,
    );
    if (url !== undefined) dispatcher.serveCalls((connection, frame) => this.call(url, connection, frame));
  }

  /**
   * @returns the data of the reply.
   * @throws ProtocolError `refused` by the backend, `unavailable` if it was not asked, `unknown` if it may have been.
   */
  private async call(url: string, connection: Connection, { event, data }: RequestFrame): Promise<unknown> {
    connection.charge(WEBHOOK_COST);
    const { user, client, address } = connection;
    const stop = this.metrics.rpcSeconds.startTimer();
    try {
      const answer = await this.requests.send(standingOf({ user, client }, address), () =>
        this.post(url, { client, user, event, data, node: this.config.node }),
      );
      this.metrics.rpcs.inc({ outcome: 'error' in answer ? 'refused' : 'answered' });
      if (!('error' in answer)) return answer.data;
      throw new ProtocolError('refused', answer.error.message, { data: answer.error.data });
    } catch (error) {
      if (error instanceof NotRunError) {
        this.metrics.rpcs.inc({ outcome: 'rejected' });
        throw new ProtocolError('unavailable');
      }
      if (!(error instanceof OutboundError)) throw error;
      this.metrics.rpcs.inc({ outcome: 'failed' });
      this.log.write('rpc.failed', { reason: error.message });
      throw new ProtocolError(error.wasSent ? 'unknown' : 'unavailable');
    } finally {
      stop();
    }
  }

  private post(url: string, data: object): Promise<RpcAnswer> {
    const { secrets, rpc } = this.config.webhooks;
    return postForAnswer({ url, secrets: secrets.current, type: 'rpc', data, timeout: rpc.timeout }, answerSchema);
  }
}
