import { describe, expect, it } from 'vitest';
import type { Topic } from './metadata.js';
import { createdReplicas, createdSettings, missingRights, topicProblem } from './topic-rules.js';
import { parseKafkaUrl } from './url.js';

const SETTINGS = parseKafkaUrl('kafka://h');

function topic(replicas: number, partitions = 16, operations?: number): Topic {
  return {
    id: 'id',
    partitions: Array.from({ length: partitions }, () => ({ leader: { id: 1, epoch: 0 }, replicas })),
    operations,
  };
}

/** What a broker adds to {@link createdSettings}. */
const DEFAULTS = [['max.message.bytes', '1048588']] as const;

describe('a topic', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [9, 3],
  ])('that is created on %i brokers has %i replicas, and keeps the promises', (brokers, replicas) => {
    expect(createdReplicas(brokers, SETTINGS)).toBe(replicas);
    const settings = new Map([...DEFAULTS, ...createdSettings(replicas, SETTINGS)]);
    expect(topicProblem(topic(replicas), settings, brokers, SETTINGS)).toBeUndefined();
  });

  it.each([
    ['cleanup.policy', 'compact,delete', /^cleanup\.policy of the topic is compact,delete/],
    ['message.timestamp.type', 'CreateTime', /is not LogAppendTime: set it$/],
    ['min.insync.replicas', '1', /can be lost: set it to 2$/],
    ['min.insync.replicas', '4', /is 4, but it has only 3 replicas: set it to 3$/],
    ['retention.bytes', '1000000', /^retention\.bytes .* set it to -1$/],
    ['retention.ms', '1799999', /is 1799999: set it to 1800000 or more/],
    ['unclean.leader.election.enable', 'true', /set it to false$/],
  ])('with %s %s is refused', (name, value, reason) => {
    const settings = new Map([...DEFAULTS, ...createdSettings(3, SETTINGS), [name, value]]);
    expect(topicProblem(topic(3), settings, 3, SETTINGS)).toMatch(reason);
  });

  it('may be kept for ever', () => {
    const settings = new Map([...DEFAULTS, ...createdSettings(3, SETTINGS), ['retention.ms', '-1']]);
    expect(topicProblem(topic(3), settings, 3, SETTINGS)).toBeUndefined();
  });

  it.each([7, 65])('with %i partitions is refused', (partitions) => {
    const settings = new Map(createdSettings(1, SETTINGS));
    expect(topicProblem(topic(1, partitions), settings, 1, SETTINGS)).toMatch(/create it with 8 to 64$/);
  });

  it('with one replica on three brokers is refused, unless that is asked for', () => {
    const settings = new Map(createdSettings(1, SETTINGS));
    expect(topicProblem(topic(1), settings, 2, SETTINGS)).toBeUndefined();
    expect(topicProblem(topic(1), settings, 3, SETTINGS)).toMatch(/accept that with replicas=1$/);
    expect(topicProblem(topic(1), settings, 3, parseKafkaUrl('kafka://h?replicas=1'))).toBeUndefined();
  });

  it.each([
    [0b101_0001_1000, undefined],
    [0b101_0000_1000, 'the user lacks rights on the topic: grant Write'],
    [0b001_0000_0000, 'the user lacks rights on the topic: grant Read, Write, DescribeConfigs'],
    [undefined, undefined],
  ])('with the rights %i', (operations, problem) => {
    expect(missingRights(topic(3, 16, operations))).toBe(problem);
  });
});
