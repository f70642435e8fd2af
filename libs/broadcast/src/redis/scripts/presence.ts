import { CLOCK, KEPT, Script } from './script.js';

/**
 * KEYS: members, order, the set of this pod's clients here. `members` is a hash from client to its pod, holder, what is
 * told of it, and since when the holder has it; `order` sorts clients by when they joined. Whoever is only brought back stays with a holder that has come
 * later. Answers whether it was announced, the count, and since when the holder has it.
 */
export const JOIN = new Script(
  CLOCK,
  KEPT,
  `
local client, holder, pod, told, since, sets, ttl, command, wire, again = unpack(ARGV)
local members, order = KEYS[1], KEYS[2]
if again ~= '1' then since = text(clock()) end
local formerPod, formerHolder, formerTold, formerSince = kept(redis.call('HGET', members, client))
if formerPod then
  if again == '1' and formerHolder ~= holder and tonumber(formerSince) >= tonumber(since) then return {0, redis.call('ZCARD', order), since} end
  if formerPod ~= pod then redis.call('SREM', sets .. formerPod, client) end
else
  local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', order, (tonumber(last) or 0) + 1, client)
end
redis.call('HSET', members, client, cmsgpack.pack(pod, holder, told, since))
redis.call('SADD', KEYS[3], client)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
if formerTold == told then return {0, redis.call('ZCARD', order), since} end
redis.call(command, wire, 'j' .. told)
return {1, redis.call('ZCARD', order), since}
`,
);

/** KEYS: members, order. Answers whether it was announced, the count, and what was told. */
export const LEAVE = new Script(
  KEPT,
  `
local client, holder, sets, command, wire = unpack(ARGV)
local pod, of, told = kept(redis.call('HGET', KEYS[1], client))
if of ~= holder then return {0, redis.call('ZCARD', KEYS[2])} end
redis.call('HDEL', KEYS[1], client)
redis.call('ZREM', KEYS[2], client)
redis.call('SREM', sets .. pod, client)
redis.call(command, wire, 'l' .. told)
return {1, redis.call('ZCARD', KEYS[2]), told}
`,
);

/**
 * Takes a client out whom its pod does not hold any more. KEYS: members, order, the set of that pod's clients here. Answers
 * what {@link LEAVE} does.
 */
export const EVICT = new Script(
  KEPT,
  `
local client, pod, command, wire = unpack(ARGV)
redis.call('SREM', KEYS[3], client)
local of, _, told = kept(redis.call('HGET', KEYS[1], client))
if of ~= pod then return {0, redis.call('ZCARD', KEYS[2])} end
redis.call('HDEL', KEYS[1], client)
redis.call('ZREM', KEYS[2], client)
redis.call(command, wire, 'l' .. told)
return {1, redis.call('ZCARD', KEYS[2]), told}
`,
);

/**
 * KEYS: members, order. ARGV: limit, and how many bytes the answer may hold. Answers the count, and what is told of the
 * first ones: an empty text for one that cannot be read.
 */
export const MEMBERS = new Script(
  KEPT,
  `
local limit, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = {redis.call('ZCARD', KEYS[2])}
if limit > 0 then
  local clients = redis.call('ZRANGE', KEYS[2], 0, limit - 1)
  for _, client in ipairs(clients) do
    local member = redis.call('HGET', KEYS[1], client)
    if member then
      local _, _, told = kept(member)
      room = room - #(told or '')
      if room < 0 then break end
      answer[#answer + 1] = told or ''
    end
  end
end
return answer
`,
);

/**
 * Takes members of a dead pod out. KEYS: members, order, the set of that pod's clients here. A client is popped by one
 * sweeper only, so that it leaves once. Answers how many were popped, and of each that left the count after it and what was told.
 */
export const SWEEP_ROOM = new Script(
  KEPT,
  `
local dead, count, command, wire = unpack(ARGV)
local clients = redis.call('SPOP', KEYS[3], count)
local answer = {#clients}
for _, client in ipairs(clients) do
  local pod, _, told = kept(redis.call('HGET', KEYS[1], client))
  if pod == dead then
    redis.call('HDEL', KEYS[1], client)
    redis.call('ZREM', KEYS[2], client)
    redis.call(command, wire, 'l' .. told)
    answer[#answer + 1] = redis.call('ZCARD', KEYS[2])
    answer[#answer + 1] = told
  end
end
return answer
`,
);
