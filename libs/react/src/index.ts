export { useHoldfast } from './context.js';
export { HoldfastProvider, type HoldfastProviderProps } from './provider.js';
export type { Calls, Channels, Register } from './register.js';
export { useConnectionState } from './use-connection-state.js';
export { usePresence, type Presence, type PresenceOptions } from './use-presence.js';
export { usePublish, type Publish } from './use-publish.js';
export { useSubscription, type SubscriptionState, type UseSubscriptionOptions } from './use-subscription.js';
