import { CLOCK, Script } from './script.js';

/**
 * KEYS: the user's connections, a hash from client to pod, holder, what is kept of it, and since when the holder has it. One
 * that is only brought back stays with a holder that has come later. Answers since when the holder has it.
 */
export const REGISTER = new Script(
  CLOCK,
  `
local client, pod, holder, kept, since, ttl, again = unpack(ARGV)
if again ~= '1' then since = text(clock()) end
local former = redis.call('HGET', KEYS[1], client)
if former and again == '1' then
  local _, formerHolder, _, formerSince = cmsgpack.unpack(former)
  if formerHolder ~= holder and tonumber(formerSince) >= tonumber(since) then return since end
end
redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, kept, since))
redis.call('PEXPIRE', KEYS[1], ttl)
return since
`,
);

/** KEYS: the user's connections. */
export const UNREGISTER = new Script(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
local _, holder = cmsgpack.unpack(entry)
if holder ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`);

/** KEYS: the user's connections. Forgets a client that its pod does not hold any more. */
export const REMOVE = new Script(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry or cmsgpack.unpack(entry) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`);

/** KEYS: the user's connections. Answers pod and what is kept, in turns. */
export const CONNECTIONS = new Script(`
local answer = {}
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
  local pod, _, kept = cmsgpack.unpack(entry)
  answer[#answer + 1] = pod
  answer[#answer + 1] = kept
end
return answer
`);

/** KEYS: the user's connections. Forgets those of a pod. */
export const SWEEP_USER = new Script(`
local entries = redis.call('HGETALL', KEYS[1])
for index = 1, #entries, 2 do
  if cmsgpack.unpack(entries[index + 1]) == ARGV[1] then redis.call('HDEL', KEYS[1], entries[index]) end
end
return 1
`);
