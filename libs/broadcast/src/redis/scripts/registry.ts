import { CLOCK, Script } from './script.js';

/**
 * KEYS: the user's connections, a hash from client to pod, holder, what is kept of it, and since when the holder has it. Answers
 * since when the holder has it.
 */
export const REGISTER = new Script(
  CLOCK,
  `
local client, pod, holder, kept, ttl = unpack(ARGV)
local since = text(clock())
redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, kept, since))
redis.call('PEXPIRE', KEYS[1], ttl)
return since
`,
);

/**
 * Brings clients back, except those that a later holder has. KEYS: as of {@link REGISTER}. ARGV: pod, ttl, then client, holder,
 * what is kept, and since when the holder has it, in turns. Answers how many were brought back, and how many the user has.
 */
export const REREGISTER = new Script(`
local pod, ttl = ARGV[1], ARGV[2]
local own = 0
for index = 3, #ARGV, 4 do
  local client, holder, kept, since = unpack(ARGV, index, index + 3)
  local former = redis.call('HGET', KEYS[1], client)
  local stays = false
  if former then
    local _, formerHolder, _, formerSince = cmsgpack.unpack(former)
    stays = formerHolder ~= holder and tonumber(formerSince) >= tonumber(since)
  end
  if not stays then
    redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, kept, since))
    own = own + 1
  end
end
redis.call('PEXPIRE', KEYS[1], ttl)
return {own, redis.call('HLEN', KEYS[1])}
`);

/** KEYS: the user's connections. */
export const UNREGISTER = new Script(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
local _, holder = cmsgpack.unpack(entry)
if holder ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`);

/** KEYS: the user's connections. ARGV: pod, and clients. Forgets those that their pod does not hold any more. */
export const REMOVE = new Script(`
for index = 2, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[index])
  if entry and cmsgpack.unpack(entry) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[index]) end
end
return 1
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
