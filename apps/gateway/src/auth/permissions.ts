import { namespaceOf, USER_NAMESPACE, userChannel } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, namespaceOptions, type Config, type NamespaceOptions } from '../config/index.js';
import type { Identity } from './identity.js';
import { matches } from './pattern.js';

/** Who may subscribe and publish where: by the namespace's rule, or else by the token's claims. */
@Injectable()
export class Permissions {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  maySubscribe(identity: Identity, channel: string): boolean {
    // No rule and no pattern permits another user's own channel.
    if (isUserChannel(channel)) return identity.user !== undefined && channel === userChannel(identity.user);
    return (
      allows(namespaceOptions(this.config, namespaceOf(channel)).subscribe, identity) ||
      identity.channels.some((pattern) => matches(pattern, channel))
    );
  }

  mayPublish(identity: Identity, channel: string, subscribed: boolean): boolean {
    const { publish } = namespaceOptions(this.config, namespaceOf(channel));
    if (allows(publish, identity) || (publish === 'subscribers' && subscribed)) return true;
    return !isUserChannel(channel) && identity.publish.some((pattern) => matches(pattern, channel));
  }
}

function isUserChannel(channel: string): boolean {
  return channel.startsWith(USER_NAMESPACE);
}

function allows(access: NamespaceOptions['subscribe' | 'publish'], identity: Identity): boolean {
  return access === 'anyone' || (access === 'authenticated' && identity.user !== undefined);
}
