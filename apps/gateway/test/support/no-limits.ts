/** What the configuration file says where a test sends more than any client should. */
export const NO_LIMITS = {
  subscriptions: 1_000_000,
  channels: 1_000_000,
  frames: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  bytes: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  userShare: 1,
  anonymousShare: 1,
  memory: 10_000_000_000,
  userFrames: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  userBytes: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  publishes: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  publishedBytes: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  newChannels: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  readBytes: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
  presenceChanges: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
};
