import type { ChannelMember, RegisteredConnection } from '../../broker.js';
import type { JoinRecord, LogRecord, RegisterRecord } from '../records/records.js';
import type { Digest } from './digest.js';
import type { Generations } from './generations.js';
import { HolderTable, type Change, type Removal } from './holder-table.js';
import type { ConnectionOutcome, MemberOutcome } from './outcome.js';
import type { Place } from './place.js';
import type { PodState } from './pod-table.js';

type RecordOf<Kind extends LogRecord['kind']> = Extract<LogRecord, { kind: Kind }>;

/** Who is in which channel, and which connections users have. */
export class Membership {
  readonly members: HolderTable<ChannelMember>;
  readonly connections: HolderTable<RegisteredConnection>;
  readonly #digest: Digest;

  constructor(generations: Generations, digest: Digest) {
    this.members = new HolderTable(generations);
    this.connections = new HolderTable(generations);
    this.#digest = digest;
  }

  join({ channel, member, holder, since }: JoinRecord, { pod, time }: Place): MemberOutcome {
    const { client } = member;
    const held = { value: member, holder, pod, since: since ?? time };
    const { former, present, count } =
      since === undefined ? this.members.set(channel, client, held) : this.members.restore(channel, client, held);
    const isOwn = present?.pod === pod;
    const event = isOwn && former?.value.details !== member.details ? 'join' : undefined;
    this.#digest.mix(count);
    return { kind: 'member', event, channel, member, count, isOwn, since: present?.since ?? time };
  }

  leave({ channel, client, holder }: RecordOf<'leave'>): MemberOutcome {
    const change = this.members.remove(channel, client, (held) => held.holder === holder);
    return this.#left(channel, client, change);
  }

  evict({ channel, client }: RecordOf<'evict'>, pod: PodState): MemberOutcome {
    const change = this.members.remove(channel, client, (held) => held.pod === pod);
    return this.#left(channel, client, change);
  }

  register({ connection, since }: RegisterRecord, { pod, time }: Place): ConnectionOutcome {
    const { user, client, holder } = connection;
    const held = { value: connection, holder, pod, since: since ?? time };
    const { present, count } =
      since === undefined ? this.connections.set(user, client, held) : this.connections.restore(user, client, held);
    return { kind: 'connection', isOwn: present?.pod === pod, since: present?.since ?? time, count };
  }

  unregister({ user, client, holder }: RecordOf<'unregister'>): void {
    this.connections.remove(user, client, (held) => held.holder === holder);
  }

  expel({ user, client }: RecordOf<'expel'>, pod: PodState): void {
    this.connections.remove(user, client, (held) => held.pod === pod);
  }

  /** @returns what a pod has left behind. */
  removeAll(pod: PodState): { members: Removal<ChannelMember>[]; connections: Removal<RegisteredConnection>[] } {
    const members = this.members.removeAll(pod);
    const connections = this.connections.removeAll(pod);
    this.#digest.mix(members.length);
    return { members, connections };
  }

  /** Everything that one pod has belongs to another one. */
  move(from: PodState, to: PodState): void {
    this.members.move(from, to);
    this.connections.move(from, to);
  }

  clear(): void {
    this.members.clear();
    this.connections.clear();
  }

  #left(channel: string, client: string, { former, present, count }: Change<ChannelMember>): MemberOutcome {
    const event = former !== undefined && present === undefined ? 'leave' : undefined;
    this.#digest.mix(count);
    const member = former?.value ?? { client, details: '' };
    return { kind: 'member', event, channel, member, count, isOwn: false, since: 0 };
  }
}
