import type { PodChannel, PodConnection } from '../api/answers.js';
import { formatAge, formatBytes, formatCount, formatRate } from '../model/format.js';
import { ListView } from './list-view.js';
import type { Column } from './table.js';

export const CONNECTION_COLUMNS: readonly Column<PodConnection>[] = [
  {
    label: 'User',
    text: ({ user }) => user ?? '(anonymous)',
    route: ({ user }) => (user === undefined ? undefined : { view: 'user', name: user }),
  },
  { label: 'Address', text: ({ address, peer }) => address ?? peer ?? 'unknown' },
  { label: 'Age', text: ({ age }) => formatAge(age), kind: 'number' },
  { label: 'Subscriptions', text: ({ subscriptions }) => formatCount(subscriptions), kind: 'number' },
  { label: 'Waiting', text: ({ buffered }) => formatBytes(buffered), kind: 'number' },
  { label: 'Protocol', text: ({ protocol }) => protocol ?? 'plain' },
  { label: 'Client', text: ({ client }) => client, kind: 'code' },
];

/** The connections of this pod. */
export function connectionsView(refreshNow: () => void): ListView<PodConnection, 'user' | 'channel'> {
  return new ListView({
    title: 'Connections',
    columns: CONNECTION_COLUMNS,
    key: ({ id }) => id,
    empty: 'No connection.',
    filters: [
      { name: 'user', label: 'User' },
      { name: 'channel', label: 'Subscribed to the channel' },
    ],
    fetch: (api, query) => api.connections(query),
    refreshNow,
  });
}

/** The channels with subscribers on this pod. */
export function channelsView(refreshNow: () => void): ListView<PodChannel, 'prefix'> {
  return new ListView({
    title: 'Channels',
    columns: [
      {
        label: 'Channel',
        text: ({ channel }) => channel,
        route: ({ channel }) => ({ view: 'channel', name: channel }),
      },
      { label: 'Subscribers', text: ({ subscribers }) => formatCount(subscribers), kind: 'number' },
      { label: 'Messages', text: ({ rate }) => formatRate(rate), kind: 'number' },
      { label: 'Offset', text: ({ offset }) => formatCount(offset), kind: 'number' },
      {
        label: 'History',
        text: ({ history }) => (history === undefined ? 'unknown' : formatCount(history)),
        kind: 'number',
      },
      { label: 'Epoch', text: ({ epoch }) => epoch, kind: 'code' },
    ],
    key: ({ channel }) => channel,
    empty: 'No channel with subscribers on this pod.',
    filters: [{ name: 'prefix', label: 'Begins with' }],
    fetch: (api, query) => api.channels(query),
    refreshNow,
  });
}
