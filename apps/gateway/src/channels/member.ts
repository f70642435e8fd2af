import type { Member as BrokerMember } from '@holdfast/broadcast';
import type { Member } from '@holdfast/protocol';
import type { Connection } from '../gateway/connection.js';

/** A connection as the broker keeps it among a channel's members. */
export function encodeMember({ client, identity }: Connection): BrokerMember {
  return { client, details: JSON.stringify({ user: identity?.user, info: identity?.info }) };
}

export function decodeMember({ client, details }: BrokerMember): Member {
  return { client, ...(JSON.parse(details) as Omit<Member, 'client'>) };
}
