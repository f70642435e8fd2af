import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { repeat, type Attack } from './attack.ts';

const ROOM = 'holdfast:{room:lobby}:live';
const SIGNALS = 'holdfast:{signals}:signals';

/** Data that another application, an operator or a pod of another release may publish. */
const INVALID_DATA: readonly (readonly [channel: string, text: string])[] = [
  [SIGNALS, 'test'],
  [SIGNALS, 'null'],
  [SIGNALS, ''],
  [SIGNALS, '{}'],
  [SIGNALS, '{"type":"later","user":"mallory"}'],
  [ROOM, 'junk'],
  [ROOM, 'jnull'],
  [ROOM, 'j{}'],
  [ROOM, 'j{"client":"a","details":"not json"}'],
  [ROOM, 'l{"client":"a","details":"null"}'],
  [ROOM, 'p'],
  [ROOM, 'pe x y z'],
];

/** By somebody with access to the broker. */
export const brokerAttacks: readonly Attack[] = [
  {
    name: 'invalid data on the channels of Redis',
    async run({ redisPort }, signal) {
      const redis = new Redis(redisPort, '127.0.0.1');
      redis.on('error', () => undefined);
      await repeat(signal, async () => {
        for (const [channel, text] of INVALID_DATA) await redis.publish(channel, text);
        await sleep(20);
      });
      redis.disconnect();
    },
  },
];
