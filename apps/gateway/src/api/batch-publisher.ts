import { describeIssue, errorData, type ErrorData } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { ChannelsService } from '../channels/channels.service.js';
import { ProtocolError } from '../errors/protocol-error.js';
import type { PublishResult } from './answers.js';
import { ApiRates } from './api-rates.js';
import { publishBody } from './requests.js';

/** Publishes many at once, each of which fails or succeeds by itself. */
@Injectable()
export class BatchPublisher {
  constructor(
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(ApiRates) private readonly rates: ApiRates,
    @InjectPinoLogger(BatchPublisher.name) private readonly logger: PinoLogger,
  ) {}

  /**
   * Each counts as a request of its API key, of which the first was counted before. Those of one channel are stored in their order, those of different channels side by side.
   *
   * @returns a result for each, in their order.
   */
  async publish(publications: readonly unknown[], publisher: string): Promise<PublishResult[]> {
    this.rates.pour(publisher, publications.length - 1);
    const results: PublishResult[] = [];
    const byChannel = Map.groupBy(publications.entries(), ([, publication]) => channelOf(publication));
    await Promise.all(
      [...byChannel.values()].map(async (ofChannel) => {
        let retry = false;
        for (const [index, publication] of ofChannel) {
          const result: PublishResult = retry ? skipped(publication) : await this.publishOne(publication, publisher);
          results[index] = result;
          retry ||= 'error' in result && result.error.retryable;
        }
      }),
    );
    return results;
  }

  private async publishOne(publication: unknown, publisher: string): Promise<PublishResult> {
    const request = publishBody.safeParse(publication);
    if (!request.success) {
      const { code, detail } = describeIssue(request.error);
      return failed(publication, errorData(code, detail));
    }
    try {
      const { epoch, offset } = await this.channels.publish({ ...request.data, publisher });
      return { channel: request.data.channel, epoch, offset };
    } catch (error) {
      if (error instanceof ProtocolError) return failed(publication, errorData(error.code, error.detail));
      this.logger.error({ err: error }, 'a publication failed');
      return failed(publication, errorData('internal'));
    }
  }
}

/** Behind one that is to be repeated: it would overtake it, and each would wait in vain for a broker that is away. */
function skipped(publication: unknown): PublishResult {
  return failed(publication, errorData('unavailable', 'one before it on this channel failed'));
}

function failed(publication: unknown, error: ErrorData): PublishResult {
  const channel = channelOf(publication);
  return channel === undefined ? { error } : { channel, error };
}

function channelOf(publication: unknown): string | undefined {
  if (typeof publication !== 'object' || publication === null || !('channel' in publication)) return undefined;
  return typeof publication.channel === 'string' ? publication.channel : undefined;
}
