import type { StreamOptions } from '../broker.js';
import type { PlainSettings } from '../plain-messages.js';

/** Settings that allow backends to publish in one namespace by the broker itself. */
export function plainIn(namespace: string, stream: StreamOptions): PlainSettings {
  return {
    format: {
      namespaceOf: (channel) => channel.split(':')[0] ?? '',
      accepts: () => true,
      encode: (json) => json,
    },
    policy: { namespaces: { [namespace]: stream }, others: null, keyWindow: 600_000, maxPayload: 65_536 },
  };
}
