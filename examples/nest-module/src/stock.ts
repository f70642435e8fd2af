import { ChannelsService } from '@holdfast/gateway';
import { Inject, Injectable } from '@nestjs/common';

/** What is left. Yours is in a database, because each pod has a memory of its own. */
@Injectable()
export class Stock {
  private left = 3;

  constructor(@Inject(ChannelsService) private readonly channels: ChannelsService) {}

  get count(): number {
    return this.left;
  }

  /** @returns whether there was one left. */
  async take(): Promise<boolean> {
    if (this.left === 0) return false;
    await this.set(this.left - 1);
    return true;
  }

  /** Everybody who follows the channel sees the new number. */
  async set(count: number): Promise<void> {
    this.left = count;
    await this.channels.publish({ channel: 'stock:tea', data: { left: count }, publisher: 'shop' });
  }
}
