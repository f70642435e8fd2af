import { CLOCK, Script } from './script.js';

/**
 * Prolongs a pod's lease. KEYS: pods, a sorted set of pods by when their leases end; births, a hash from pod to the name of its
 * lease; watch, a hash: when the last heartbeat of any pod came, and since when they have come without a break. ARGV: pod; a
 * name for its lease if that begins anew; ms of a lease, and the rest that {@link PodStore} passes.
 *
 * A lease that merely ran out goes on: nothing is lost as long as nobody has claimed to sweep up after the pod. Answers its name,
 * whether somebody is sweeping, then the dead pods that this one has claimed to sweep up after. A pod is dead if its lease ran
 * out while the server could be reached all the time: after a break every pod has the time of a lease to come back.
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

/** KEYS: pods. The pods whose leases run. */
export const ALIVE = new Script(`
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
`);

/**
 * KEYS: pods. Keeps the claim to sweep up after a pod for another step. Answers 0 if the pod is back or forgotten, and gives the
 * claim up; or if another pod has the claim.
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

/** KEYS: pods, births. Forgets a pod that was swept up after, unless it is back, and ends the claim to do so. */
export const BURY = new Script(
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
