/** The rights in docs/brokers/redis.md, for the prefix `chat`. */
export const RIGHTS: readonly string[] =
  '~chat:* &chat:* +@read +@write +@pubsub +@connection +eval +evalsha +script|load +info +role +time +wait'.split(' ');

/** Additional rights on a cluster. */
export const CLUSTER_RIGHTS: readonly string[] = ['+cluster|slots', '+cluster|info', '+cluster|nodes'];
