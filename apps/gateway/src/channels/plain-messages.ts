import type { PlainFormat, PlainSettings, StreamOptions } from '@holdfast/broadcast';
import { isChannel, keySchema, namespaceOf, type Json } from '@holdfast/protocol';
import { namespaceOptions, type Config, type NamespaceOptions } from '../config/index.js';
import { encodePayload, isNestedWithin, MAX_NESTING } from './message.js';

/** As {@link ChannelsService.publish} does for the HTTP API, so that clients see no difference. */
const FORMAT: PlainFormat = {
  namespaceOf: (channel) => (isChannel(channel) ? namespaceOf(channel) : undefined),
  accepts: (data, key) =>
    isNestedWithin(data as Json, MAX_NESTING) && (key === undefined || keySchema.safeParse(key).success),
  encode: (json, key) => encodePayload(json, undefined, key),
};

/** What backends may publish by the broker itself. */
export function plainSettings(config: Config): PlainSettings {
  const { keyWindow, connection, namespaceDefaults, namespaces } = config;
  const names = [...namespaces.keys()];
  return {
    format: FORMAT,
    policy: {
      namespaces: Object.fromEntries(names.map((name) => [name, streamOf(namespaceOptions(config, name))])),
      others: streamOf(namespaceDefaults),
      keyWindow,
      maxPayload: connection.maxPayload,
    },
  };
}

function streamOf({ brokerPublish, stream }: NamespaceOptions): StreamOptions | null {
  return brokerPublish ? stream : null;
}
