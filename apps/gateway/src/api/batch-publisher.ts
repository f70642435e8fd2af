import { describeIssue, errorData, type ErrorData } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { ChannelsService } from '../channels/channels.service.js';
import { ProtocolError } from '../errors/protocol-error.js';
import type { PublishResult } from './answers.js';
import { ApiRates } from './api-rates.js';
import { publishBody } from './requests.js';
import { EventLog } from '../logging/event-log.js';

/** Publishes many messages at once. Each succeeds or fails independently. */
@Injectable()
export class BatchPublisher {
  constructor(
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(ApiRates) private readonly rates: ApiRates,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  /**
   * Each message counts as a request of its API key; the first was already counted. Messages of one channel are stored
   * in order, those of different channels side by side.
   *
   * @param traceparent the W3C trace context that all of them belong to.
   * @returns a result for each, in order.
   */
  async publish(publications: readonly unknown[], publisher: string, traceparent?: string): Promise<PublishResult[]> {
    this.rates.pour(publisher, publications.length - 1);
    const results: PublishResult[] = [];
    const byChannel = Map.groupBy(publications.entries(), ([, publication]) => channelOf(publication));
    await Promise.all(
      [...byChannel.values()].map(async (ofChannel) => {
        let retry = false;
        for (const [index, publication] of ofChannel) {
          const result: PublishResult = retry
            ? skipped(publication)
            : await this.publishOne(publication, publisher, traceparent);
          results[index] = result;
          retry ||= 'error' in result && result.error.retryable;
        }
      }),
    );
    return results;
  }

  private async publishOne(
    publication: unknown,
    publisher: string,
    traceparent: string | undefined,
  ): Promise<PublishResult> {
    const request = publishBody.safeParse(publication);
    if (!request.success) {
      const { code, detail } = describeIssue(request.error);
      return failed(publication, errorData(code, detail));
    }
    try {
      const { epoch, offset } = await this.channels.publish({ ...request.data, publisher, traceparent });
      return { channel: request.data.channel, epoch, offset };
    } catch (error) {
      if (error instanceof ProtocolError) return failed(publication, errorData(error.code, error.detail));
      this.log.write('publish.failed', { err: error });
      return failed(publication, errorData('internal'));
    }
  }
}

/**
 * Follows a message that is to be repeated. It would overtake that one, and also wait in vain for a broker that is
 * unavailable.
 */
function skipped(publication: unknown): PublishResult {
  return failed(publication, errorData('unavailable', 'an earlier message of this channel failed'));
}

function failed(publication: unknown, error: ErrorData): PublishResult {
  const channel = channelOf(publication);
  return channel === undefined ? { error } : { channel, error };
}

function channelOf(publication: unknown): string | undefined {
  if (typeof publication !== 'object' || publication === null || !('channel' in publication)) return undefined;
  return typeof publication.channel === 'string' ? publication.channel : undefined;
}
