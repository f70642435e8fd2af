/** What docs/brokers.md says a user needs, for the prefix `chat`. */
export const RIGHTS: readonly string[] =
  '~chat:* &chat:* +@read +@write +@pubsub +@connection +eval +evalsha +script|load +info +role +time +wait'.split(' ');

/** On a cluster these as well. */
export const CLUSTER_RIGHTS: readonly string[] = ['+cluster|slots', '+cluster|info', '+cluster|nodes'];
