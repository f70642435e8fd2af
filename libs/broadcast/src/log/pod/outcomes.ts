import type { BrokerEvents } from '../../broker.js';
import type { DeadOutcome, MemberOutcome, Outcome } from '../fold/outcome.js';
import type { Place } from '../fold/place.js';
import type { Partition } from '../partition/partition.js';
import type { LogRecord } from '../records/records.js';
import type { PodNames } from './pod-names.js';
import type { Share } from './share.js';
import type { Subscriptions } from './subscriptions.js';
import type { Window } from './window.js';

export interface OutcomesContext {
  readonly events: BrokerEvents;
  readonly names: PodNames;
  readonly window: Window;
  readonly subscriptions: Subscriptions;
  /** The state of a partition is another one than before. */
  readonly onRestored: (share: Share) => void;
  /** The other pods consider this one dead. */
  readonly onDeclaredDead: () => void;
  /** A pod asks for a snapshot. */
  readonly onAsk: (partition: Partition) => void;
}

/** What records mean for this pod: what it keeps of them, and what it reports. */
export class Outcomes {
  readonly #context: OutcomesContext;

  constructor(context: OutcomesContext) {
    this.#context = context;
  }

  /** @param isLive as in {@link PartitionEvents.onOutcome}. */
  take(share: Share, outcome: Outcome, record: LogRecord, place: Place, isLive: boolean): void {
    const { partition } = share;
    const { window, subscriptions, events, names, onRestored, onAsk } = this.#context;
    if (place.index === 0) share.clock.saw(place.time);
    share.snapshots.onOutcome(outcome, record, place);
    share.monitor.onOutcome(outcome, place, names.has(place.pod.id), isLive);
    switch (outcome.kind) {
      case 'stored':
        window.append(outcome.channel, outcome.publication);
        if (isLive) subscriptions.publication(outcome.channel, outcome.publication, partition.era);
        return;
      case 'member':
        if (isLive) this.#onMember(outcome);
        return;
      case 'signal':
        if (isLive) events.onSignal(outcome.signal);
        return;
      case 'dead':
        if (isLive) this.#onDead(share, outcome, names.has(place.pod.id));
        return;
      case 'era':
        for (const channel of outcome.channels) window.drop(channel);
        if (isLive) onRestored(share);
        return;
      case 'digest':
        if (isLive && outcome.differs === true) partition.renew(place.offset);
        return;
      case 'none':
        if (isLive && record.kind === 'ask') onAsk(partition);
        return;
      case 'duplicate':
      case 'conflict':
      case 'opened':
      case 'connection':
        return;
    }
  }

  #onMember({ event, channel, member }: MemberOutcome): void {
    const { events, subscriptions } = this.#context;
    if (event === undefined || !subscriptions.isActive(channel)) return;
    if (event === 'join') events.onJoin(channel, member);
    else events.onLeave(channel, member);
  }

  /** @param isReporter whether this pod declared it dead. */
  #onDead(share: Share, { pod, members }: DeadOutcome, isReporter: boolean): void {
    const { events, subscriptions, names, onRestored, onDeclaredDead } = this.#context;
    for (const { group: channel, value: member, count } of members) {
      if (subscriptions.isActive(channel)) events.onLeave(channel, member);
      if (isReporter) events.onLateMembership('leave', channel, member, count);
    }
    if (pod === names.present) onDeclaredDead();
    // Another partition may have said so before.
    else if (names.has(pod)) onRestored(share);
  }
}
