import { CLOCK, KEPT, Script } from './script.js';

/**
 * KEYS: the user's connections, a hash from client to pod, holder, connection as JSON, and since when the holder has it. Returns
 * since when the holder has it.
 */
export const REGISTER = new Script(
  CLOCK,
  `
local client, pod, holder, connection, ttl = unpack(ARGV)
local since = text(clock())
redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, connection, since))
redis.call('PEXPIRE', KEYS[1], ttl)
return since
`,
);

/**
 * Restores clients, except those that a later holder has. KEYS: as for {@link REGISTER}. ARGV: pod, ttl, then for each: client,
 * holder, connection as JSON, and since when the holder has it. Returns how many were restored, and how many the user has.
 */
export const REREGISTER = new Script(
  KEPT,
  `
local pod, ttl = ARGV[1], ARGV[2]
local own = 0
for index = 3, #ARGV, 4 do
  local client, holder, connection, since = unpack(ARGV, index, index + 3)
  if not isHeldLater(KEYS[1], client, holder, since) then
    redis.call('HSET', KEYS[1], client, cmsgpack.pack(pod, holder, connection, since))
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

/** KEYS: the user's connections. ARGV: pod, and clients. Removes those that their pod does not have any more. */
export const REMOVE = new Script(
  KEPT,
  `
for index = 2, #ARGV do
  if kept(redis.call('HGET', KEYS[1], ARGV[index])) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[index]) end
end
return 1
`,
);

/** KEYS: the user's connections. Returns alternately pod and connection as JSON: empty texts if they cannot be read. */
export const CONNECTIONS = new Script(
  KEPT,
  `
local answer = {}
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
  local pod, _, connection = kept(entry)
  answer[#answer + 1] = pod or ''
  answer[#answer + 1] = connection or ''
end
return answer
`,
);

/** KEYS: the user's connections. Removes those of a pod. */
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
