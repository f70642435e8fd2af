import type { ChannelName, Member, Members } from '@holdfast/client';
import { useState } from 'react';
import type { Channels } from './register.js';
import { useSubscription, type SubscriptionState, type UseSubscriptionOptions } from './use-subscription.js';

export type PresenceOptions = Pick<UseSubscriptionOptions, 'token'>;

/** `members` is limited in length by the gateway; `count` is the full number. */
export interface Presence extends Members, SubscriptionState {}

interface List extends Members {
  readonly channel: string | null | undefined;
}

const NOBODY: Members = { members: [], count: 0 };

/**
 * The members of a channel, as long as the component is mounted. It shares the subscriptions that other components have to
 * the channel. The channel's namespace needs presence.
 *
 * @param channel nothing happens as long as it is null.
 */
export function usePresence(
  channel: ChannelName<Channels> | null | undefined,
  options: PresenceOptions = {},
): Presence {
  const [list, setList] = useState<List>({ channel, ...NOBODY });
  const change = (to: (from: Members) => Members) =>
    setList((from) => ({ channel, ...to(from.channel === channel ? from : NOBODY) }));
  const state = useSubscription(
    channel,
    {
      message: () => {},
      gap: () => {},
      members: (all) => change(() => all),
      join: (member) => change((from) => joined(from, member)),
      leave: (member) => change((from) => ({ members: without(from, member), count: Math.max(0, from.count - 1) })),
    },
    { token: options.token, presence: true },
  );
  const { members, count } = list.channel === channel ? list : NOBODY;
  return { members, count, ...state };
}

function joined(from: Members, member: Member): Members {
  const others = without(from, member);
  const isNew = others.length === from.members.length;
  return { members: [...others, member], count: from.count + (isNew ? 1 : 0) };
}

function without({ members }: Members, { client }: Member): readonly Member[] {
  return members.filter((other) => other.client !== client);
}
