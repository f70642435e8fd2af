import { CLOCK, KEPT, Script } from './script.js';

/**
 * KEYS: the user's connections, a hash from client to pod, holder, what is kept of it, and since when the holder has it. One
 * that is only brought back stays with a holder that has come later. Answers since when the holder has it.
 */
export const REGISTER = new Script(
  CLOCK,
  KEPT,
  `
local client, pod, holder, told, since, ttl, again = unpack(ARGV)
if again ~= '1' then since = text(clock()) end
if again == '1' then
  local _, formerHolder, _, formerSince = kept(redis.call('HGET', KEYS[1], client))
  if formerHolder and formerHolder ~= holder and tonumber(formerSince) >= tonumber(since) then return since end
end
redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, told, since))
redis.call('PEXPIRE', KEYS[1], ttl)
return since
`,
);

/** KEYS: the user's connections. */
export const UNREGISTER = new Script(
  KEPT,
  `
local _, holder = kept(redis.call('HGET', KEYS[1], ARGV[1]))
if holder ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`,
);

/** KEYS: the user's connections. Forgets a client that its pod does not hold any more. */
export const REMOVE = new Script(
  KEPT,
  `
if kept(redis.call('HGET', KEYS[1], ARGV[1])) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`,
);

/** KEYS: the user's connections. Answers pod and what is kept, in turns: empty texts of one that cannot be read. */
export const CONNECTIONS = new Script(
  KEPT,
  `
local answer = {}
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
  local pod, _, told = kept(entry)
  answer[#answer + 1] = pod or ''
  answer[#answer + 1] = told or ''
end
return answer
`,
);

/** KEYS: the user's connections. Forgets those of a pod. */
export const SWEEP_USER = new Script(
  KEPT,
  `
local entries = redis.call('HGETALL', KEYS[1])
for index = 1, #entries, 2 do
  if kept(entries[index + 1]) == ARGV[1] then redis.call('HDEL', KEYS[1], entries[index]) end
end
return 1
`,
);
