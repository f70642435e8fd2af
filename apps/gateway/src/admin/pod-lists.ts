import { BROKER, type MessageLog } from '@holdfast/broadcast';
import { MAX_PAGE } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { Hub } from '../channels/hub.js';
import { subscriptionsOf } from '../channels/subscriptions.js';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import type { ChannelsPage, ConnectionsPage } from './answers.js';
import { MAX_CHANNELS_PAGE, type channelsQuery, type connectionsQuery } from './requests.js';

type ConnectionEntry = ConnectionsPage['connections'][number];
type ChannelEntry = ChannelsPage['channels'][number];

/** The connections and channels of this pod, page by page. */
@Injectable()
export class PodLists {
  constructor(
    @Inject(BROKER) private readonly broker: MessageLog,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Hub) private readonly hub: Hub,
  ) {}

  connectionsPage({ user, channel, after, limit = MAX_PAGE }: z.output<typeof connectionsQuery>): ConnectionsPage {
    const chosen = this.connections
      .all()
      .filter(
        (connection) =>
          (user === undefined || connection.user === user) &&
          (channel === undefined || subscriptionsOf(connection)?.has(channel) === true),
      );
    const { page, next } = pageOf(chosen, ({ id }) => id, { after, limit });
    return { connections: page.map(connectionEntry), ...(next === undefined ? {} : { next }) };
  }

  async channelsPage({
    prefix = '',
    after,
    limit = MAX_CHANNELS_PAGE,
  }: z.output<typeof channelsQuery>): Promise<ChannelsPage> {
    const names = this.hub.names().filter((name) => name.startsWith(prefix));
    const { page, next } = pageOf(names, (name) => name, { after, limit });
    const channels = await Promise.all(page.map((name) => this.channelEntry(name)));
    // Some may have lost their last subscriber meanwhile.
    return { channels: channels.flatMap((entry) => entry ?? []), ...(next === undefined ? {} : { next }) };
  }

  private async channelEntry(name: string): Promise<ChannelEntry | undefined> {
    const local = this.hub.find(name);
    if (local === undefined) return undefined;
    const history = await this.historyOf(name);
    return {
      channel: name,
      subscribers: local.subscriptions.size,
      rate: Math.round(local.rate.perSecond() * 10) / 10,
      ...local.position,
      ...(history === undefined ? {} : { history }),
    };
  }

  /** How many publications are kept: from the oldest one to the latest. */
  private async historyOf(name: string): Promise<number | undefined> {
    try {
      const { offset, publications } = await this.broker.history(name, { limit: 1 });
      const [oldest] = publications;
      return oldest === undefined ? 0 : offset - oldest.offset + 1;
    } catch {
      return undefined;
    }
  }
}

/** Those after `after`, in the order of their keys' code units. */
function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): { page: T[]; next: string | undefined } {
  const rest = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => key > after)
    .toSorted((one, other) => (one.key < other.key ? -1 : 1));
  const page = rest.slice(0, limit);
  return { page: page.map(({ item }) => item), next: rest.length > limit ? page.at(-1)?.key : undefined };
}

function connectionEntry(connection: Connection): ConnectionEntry {
  const { id, client, user, address, peer, protocol, age, buffered } = connection;
  return {
    id,
    client,
    ...(user === undefined ? {} : { user }),
    ...(address === undefined ? {} : { address }),
    ...(peer === undefined ? {} : { peer }),
    ...(protocol === '' ? {} : { protocol }),
    age,
    subscriptions: subscriptionsOf(connection)?.size ?? 0,
    buffered,
  };
}
