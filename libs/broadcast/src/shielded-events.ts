import type { BrokerEvents } from './broker.js';

/** Wraps events so that none of them throws: an error is reported, and only that one event is lost. */
export function shieldedEvents(events: BrokerEvents): BrokerEvents {
  const failed = (error: unknown): void => {
    try {
      events.onFault(error);
    } catch {
      // There is no other listener to report it to.
    }
  };
  return {
    onPublication(channel, publication) {
      try {
        events.onPublication(channel, publication);
      } catch (error) {
        failed(error);
      }
    },
    onGap(channel, position) {
      try {
        events.onGap(channel, position);
      } catch (error) {
        failed(error);
      }
    },
    onJoin(channel, member) {
      try {
        events.onJoin(channel, member);
      } catch (error) {
        failed(error);
      }
    },
    onLeave(channel, member) {
      try {
        events.onLeave(channel, member);
      } catch (error) {
        failed(error);
      }
    },
    onPresenceGap(channel) {
      try {
        events.onPresenceGap(channel);
      } catch (error) {
        failed(error);
      }
    },
    onLateMembership(event, channel, member, count) {
      try {
        events.onLateMembership(event, channel, member, count);
      } catch (error) {
        failed(error);
      }
    },
    onSignal(signal) {
      try {
        events.onSignal(signal);
      } catch (error) {
        failed(error);
      }
    },
    onInvalid(kind, name) {
      try {
        events.onInvalid(kind, name);
      } catch (error) {
        failed(error);
      }
    },
    onNotice(notice) {
      try {
        events.onNotice(notice);
      } catch (error) {
        failed(error);
      }
    },
    onPlainRefused(channel, reason) {
      try {
        events.onPlainRefused(channel, reason);
      } catch (error) {
        failed(error);
      }
    },
    onFault: failed,
  };
}
