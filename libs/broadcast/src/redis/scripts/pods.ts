import { Script } from './script.js';

/**
 * KEYS: pods, a sorted set of pods by when their leases end. Prolongs a pod's own. Answers whether it had lapsed or was
 * unknown, then the dead pods that this one has claimed to sweep up after: none where its own has lapsed, as then the server
 * was away, and the others will be back as well in a moment.
 */
export const HEARTBEAT = new Script(`
local pod, lease, sweeps, claim = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local former = redis.call('ZSCORE', KEYS[1], pod)
redis.call('ZADD', KEYS[1], now + lease, pod)
if not former or tonumber(former) <= now then return {1} end
local answer = {0}
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 10)) do
  if redis.call('SET', sweeps .. dead, pod, 'NX', 'PX', claim) then answer[#answer + 1] = dead end
end
return answer
`);

/** KEYS: pods. The pods whose leases run. */
export const ALIVE = new Script(`
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
`);

/** KEYS: pods. Forgets a pod that was swept up after, unless it is back. Answers whether it was forgotten. */
export const BURY = new Script(`
local dead, sweeps = unpack(ARGV)
local time = redis.call('TIME')
redis.call('DEL', sweeps .. dead)
local score = redis.call('ZSCORE', KEYS[1], dead)
if score and tonumber(score) > time[1] * 1000 then return 0 end
redis.call('ZREM', KEYS[1], dead)
return 1
`);
