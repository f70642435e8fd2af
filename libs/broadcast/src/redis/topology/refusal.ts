import type { RedisReplyError } from '../client/errors.js';

/** What to do, by the error code of a refused write. */
const ADVICE: Readonly<Record<string, string>> = {
  BUSY: 'a script of another application is running',
  ERR: 'most likely the user lacks a right that scripts need: see docs/brokers/redis.md',
  MISCONF: 'it cannot save its data: see its log and its disk',
  NOPERM: 'the user lacks a right: see docs/brokers/redis.md',
  NOREPLICAS: 'too few replicas follow it: see min-replicas-to-write',
  OOM: 'its memory is full: raise maxmemory, or keep less history',
  READONLY: 'it is a replica',
};

/** Explains to operators why a server that answers cannot be used. */
export function refusalOf({ code }: RedisReplyError): string {
  const advice = ADVICE[code];
  return `Redis refuses writes with ${code}${advice === undefined ? '' : `: ${advice}`}`;
}
