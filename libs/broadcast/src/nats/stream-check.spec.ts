import type { StreamConfig } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { replicasOf, retentionOf, streamProblem } from './stream-check.js';

const SECOND = 1_000_000_000;
const CONFIG = {
  name: 's',
  subjects: ['holdfast.log.0'],
  retention: 'limits',
  discard: 'old',
  max_age: 1_800 * SECOND,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_bytes: -1,
  num_replicas: 1,
  deny_delete: true,
  allow_direct: true,
  republish: { src: 'holdfast.log.0', dest: 'holdfast.tail.0' },
  sealed: false,
} as StreamConfig;
const SINGLE = {
  subject: 'holdfast.log.0',
  live: 'holdfast.tail.0',
  window: 900_000,
  replicas: undefined,
  isCluster: false,
};

const problemOf = (change: Partial<StreamConfig>, requirements = {}): string | undefined =>
  streamProblem({ config: { ...CONFIG, ...change } }, { ...SINGLE, ...requirements });

describe('a stream', () => {
  it.each<[string, Partial<StreamConfig>, object]>([
    ['with the settings that the adapter gives it', {}, {}],
    ['that keeps everything', { max_age: 0 }, {}],
    ['that is limited by bytes', { max_bytes: 1_000_000_000 }, {}],
    ['with 3 replicas on a cluster', { num_replicas: 3 }, { isCluster: true }],
    ['with 1 replica on a cluster, if the URL says so', {}, { isCluster: true, replicas: 1 }],
    ['with more replicas than the URL says', { num_replicas: 5 }, { isCluster: true, replicas: 3 }],
  ])('%s is accepted', (_, change, requirements) => {
    expect(problemOf(change, requirements)).toBeUndefined();
  });

  it.each<[Partial<StreamConfig>, object, RegExp]>([
    [{ subjects: ['holdfast.log.0', 'other'] }, {}, /must have the subject holdfast\.log\.0 and no other/],
    [{ retention: 'workqueue' }, {}, /must have the retention policy limits/],
    [{ no_ack: true }, {}, /acknowledgements/],
    [{ sealed: true }, {}, /must not be sealed/],
    [{ discard: 'new' }, {}, /set its discard policy to old/],
    [{ max_age: 600 * SECOND }, {}, /keeps entries for 600 s: set its max_age to at least 1800 s/],
    [{ max_age: 1_800 * SECOND }, { window: 3_600_000 }, /set its max_age to at least 7200 s, or a shorter window/],
    [{ max_msgs: 1_000 }, {}, /limits the number of messages/],
    [{ max_msgs_per_subject: 1_000 }, {}, /limits the number of messages/],
    [{ deny_delete: false }, {}, /set deny_delete/],
    [{ allow_msg_ttl: true }, {}, /allow no TTL/],
    [{ allow_direct: false }, {}, /set allow_direct/],
    [
      { republish: { src: '>', dest: 'holdfast.tail.0' } },
      {},
      /set republish from holdfast\.log\.0 to holdfast\.tail\.0/,
    ],
    [{ republish: { src: 'holdfast.log.0', dest: 'holdfast.tail.0', headers_only: true } }, {}, /with their payloads/],
    [{}, { isCluster: true }, /has 1 of 3 replicas: set its num_replicas to 3, or replicas=1 in the broker's URL/],
    [{}, { isCluster: true, replicas: 3 }, /has 1 of 3 replicas: set its num_replicas to 3$/],
  ])('%o with %o is refused', (change, requirements, problem) => {
    expect(problemOf(change, requirements)).toMatch(problem);
  });
});

describe('a new stream', () => {
  it('keeps entries for twice the window, and at least 10 min', () => {
    expect([retentionOf(60_000), retentionOf(900_000)]).toEqual([600_000, 1_800_000]);
  });

  it('has 3 replicas on a cluster, unless the URL says otherwise', () => {
    expect(replicasOf({ replicas: undefined, isCluster: false })).toBe(1);
    expect(replicasOf({ replicas: undefined, isCluster: true })).toBe(3);
    expect(replicasOf({ replicas: 1, isCluster: true })).toBe(1);
  });
});
