/** How many channels are remembered: a publish after one that was forgotten is refused, and retried without it. */
const MAX_CHANNELS = 64;

/** The key of the latest publish that was stored, by channel: what follows it in a pipeline names it. */
export class LatestKeys {
  private readonly keys = new Map<string, string>();

  add(channel: string, key: string): void {
    const { keys } = this;
    keys.delete(channel);
    keys.set(channel, key);
    const [oldest] = keys.keys();
    if (keys.size > MAX_CHANNELS && oldest !== undefined) keys.delete(oldest);
  }

  isLatest(channel: string, key: string): boolean {
    return this.keys.get(channel) === key;
  }
}
