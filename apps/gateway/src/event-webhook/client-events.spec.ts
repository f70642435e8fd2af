import { BrokerUnavailableError, type MembershipChange } from '@holdfast/broadcast';
import { CLOSE } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { BrokerInputs } from '../broker/broker-inputs.js';
import type { Connection } from '../connection/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { Metrics } from '../metrics/metrics.js';
import { ClientEvents } from './client-events.js';
import type { EventWebhook } from './event-webhook.js';
import type { ClusterPresence } from './cluster-presence.js';
import { SILENT } from '../../test/support/recorded-log.js';

/** Cluster presence whose joins the test answers. */
function setUp() {
  const joins: PromiseWithResolvers<MembershipChange>[] = [];
  const log: string[] = [];
  const presence: ClusterPresence = {
    now: () => 1_000,
    join: (_room, { client }) => {
      log.push(`join ${client}`);
      const join = Promise.withResolvers<MembershipChange>();
      joins.push(join);
      return join.promise;
    },
    leave: async (_room, client) => {
      log.push(`leave ${client}`);
      return { changed: true, count: 0 };
    },
  };
  const webhook: Pick<EventWebhook, 'add' | 'reports'> = {
    reports: () => true,
    add: (type, _time, data) => void log.push(`${type} ${JSON.stringify(data)}`),
  };
  const inputs = new BrokerInputs(new Metrics(), SILENT);
  const sut = new ClientEvents(presence, testConfig(), new Lifecycle(), webhook as EventWebhook, inputs);
  return { sut, joins, log };
}

/** The part of a connection that is used. */
function connection(): { client: string; user: string; id: string; open: boolean; closeCode: number } {
  return { client: 'c', user: 'ann', id: 'c1', open: true, closeCode: 0 };
}

describe('a client that connects and leaves', () => {
  it('is reported as disconnected only after it was reported as connected, even if the broker is slow', async () => {
    const { sut, joins, log } = setUp();
    const ann = connection();
    sut.connected(ann as Connection);
    Object.assign(ann, { open: false, closeCode: CLOSE.normal.code });
    sut.disconnected(ann as Connection);
    await vi.waitFor(() => expect(log).toEqual(['join c']));
    joins[0]?.resolve({ changed: true, count: 1 });
    await vi.waitFor(() => expect(log).toHaveLength(4));
    const who = JSON.stringify({ client: 'c', user: 'ann' });
    expect(log).toEqual(['join c', `client.connected ${who}`, 'leave c', `client.disconnected ${who}`]);
  });

  it('is reported later if the broker is unavailable for a moment, unless it has left by then', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { sut, joins, log } = setUp();
    const [ann, gone] = [connection(), { ...connection(), client: 'd', id: 'd1' }];
    for (const one of [ann, gone]) sut.connected(one as Connection);
    for (const join of joins) join.reject(new BrokerUnavailableError());
    gone.open = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual(['join c', 'join d', 'join c']);
    joins[2]?.resolve({ changed: true, count: 1 });
    await vi.advanceTimersByTimeAsync(0);
    expect(log.at(-1)).toMatch(/^client.connected/);
  });
});
