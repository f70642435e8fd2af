import { CLOCK, Script } from './script.js';

/**
 * Renews a pod's lease. KEYS: pods, a sorted set of pods by the end of their leases; births, a hash from pod to the birth of its
 * lease; watch, a hash: when the last heartbeat of any pod arrived, and since when they have arrived without a break. ARGV: pod;
 * the birth of its lease if that begins again; ms of a lease; prefix and ms of a claim; ms without heartbeats that count as a
 * break; ms after the end of a lease for which the pod's keys are safe.
 *
 * A lease that has only run out continues: nothing is lost until another pod has claimed to sweep this one. Returns the birth,
 * whether another pod is sweeping this one, then the dead pods that this one has claimed. A pod is dead if its lease has run
 * out while the server was reachable all the time: after a break every pod has the time of a lease to return.
 */
export const HEARTBEAT = new Script(
  CLOCK,
  `
local pod, nonce, lease, sweeps, claim, away, safe = unpack(ARGV)
local pods, births, watch = KEYS[1], KEYS[2], KEYS[3]
local now = clock()
local last, since = unpack(redis.call('HMGET', watch, 'last', 'since'))
if not since or now < tonumber(last) or now - tonumber(last) > tonumber(away) then since = now end
redis.call('HSET', watch, 'last', text(now), 'since', text(since))
local ends, birth = redis.call('ZSCORE', pods, pod), redis.call('HGET', births, pod)
if not ends or not birth or now - tonumber(ends) > tonumber(safe) then
  birth = nonce
  redis.call('HSET', births, pod, birth)
end
redis.call('ZADD', pods, text(now + lease), pod)
local answer = {birth, redis.call('EXISTS', sweeps .. pod)}
if not ends or tonumber(ends) <= now or now - since < tonumber(lease) then return answer end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', pods, '-inf', text(now), 'LIMIT', 0, 10)) do
  if redis.call('SET', sweeps .. dead, pod, 'NX', 'PX', claim) then
    redis.call('HDEL', births, dead)
    answer[#answer + 1] = dead
  end
end
return answer
`,
);

/** KEYS: pods. Returns the pods with a current lease. */
export const ALIVE = new Script(`
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
`);

/**
 * KEYS: pods. Renews the claim to sweep a pod. Returns 0 if another pod has the claim; or if the pod is back or forgotten, and
 * releases the claim then.
 */
export const CLAIM = new Script(
  CLOCK,
  `
local dead, pod, sweeps, claim = unpack(ARGV)
local sweeper = redis.call('GET', sweeps .. dead)
if sweeper and sweeper ~= pod then return 0 end
local ends = redis.call('ZSCORE', KEYS[1], dead)
if not ends or tonumber(ends) > clock() then
  redis.call('DEL', sweeps .. dead)
  return 0
end
redis.call('SET', sweeps .. dead, pod, 'PX', claim)
return 1
`,
);

/** KEYS: pods, births. Releases the claim and forgets the swept pod, unless it is back. */
export const FORGET = new Script(
  CLOCK,
  `
local dead, sweeps = unpack(ARGV)
redis.call('DEL', sweeps .. dead)
local ends = redis.call('ZSCORE', KEYS[1], dead)
if ends and tonumber(ends) > clock() then return 0 end
redis.call('ZREM', KEYS[1], dead)
redis.call('HDEL', KEYS[2], dead)
return 1
`,
);
