import { CLOCK, KEPT, Script } from './script.js';

/**
 * KEYS: the user's connections, a hash from client to pod, holder, what is kept of it, and since when the holder has it. Answers
 * since when the holder has it.
 */
export const REGISTER = new Script(
  CLOCK,
  `
local client, pod, holder, told, ttl = unpack(ARGV)
local since = text(clock())
redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, told, since))
redis.call('PEXPIRE', KEYS[1], ttl)
return since
`,
);

/**
 * Brings clients back, except those that a later holder has. KEYS: as of {@link REGISTER}. ARGV: pod, ttl, then client, holder,
 * what is kept, and since when the holder has it, in turns. Answers how many were brought back, and how many the user has.
 */
export const REREGISTER = new Script(
  KEPT,
  `
local pod, ttl = ARGV[1], ARGV[2]
local own = 0
for index = 3, #ARGV, 4 do
  local client, holder, told, since = unpack(ARGV, index, index + 3)
  if not isHeldLater(KEYS[1], client, holder, since) then
    redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, told, since))
    own = own + 1
  end
end
redis.call('PEXPIRE', KEYS[1], ttl)
return {own, redis.call('HLEN', KEYS[1])}
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

/** KEYS: the user's connections. ARGV: pod, and clients. Forgets those that their pod does not hold any more. */
export const REMOVE = new Script(
  KEPT,
  `
for index = 2, #ARGV do
  if kept(redis.call('HGET', KEYS[1], ARGV[index])) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[index]) end
end
return 1
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
