import { CLOCK, KEPT, Script } from './script.js';

/**
 * Puts a client into a room, or hands it over to another holder. KEYS: members, order, the set of this pod's clients here.
 * `members` is a hash from client to its pod, holder, what is told of it, and since when the holder has it; `order` sorts clients
 * by when they joined. Answers whether it is to be announced.
 */
const SEAT = `
${KEPT}
local members, order, own = KEYS[1], KEYS[2], KEYS[3]

local function seat(pod, sets, client, holder, told, since)
  local formerPod, _, formerTold = kept(redis.call('HGET', members, client))
  if formerPod then
    if formerPod ~= pod then redis.call('SREM', sets .. formerPod, client) end
  else
    local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', order, (tonumber(last) or 0) + 1, client)
  end
  redis.call('HSET', members, client, cmsgpack.pack(pod, holder, told, since))
  redis.call('SADD', own, client)
  return formerTold ~= told
end

local function prolong(ttl)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
end
`;

/** KEYS: as of {@link SEAT}. Answers whether it was announced, the count, and since when the holder has it. */
export const JOIN = new Script(
  CLOCK,
  SEAT,
  `
local client, holder, pod, told, sets, ttl, command, wire = unpack(ARGV)
local since = text(clock())
local changed = seat(pod, sets, client, holder, told, since)
prolong(ttl)
if not changed then return {0, redis.call('ZCARD', order), since} end
redis.call(command, wire, 'j' .. told)
return {1, redis.call('ZCARD', order), since}
`,
);

/**
 * Brings clients back, except those that a later holder has. KEYS: as of {@link SEAT}. ARGV: pod and the like, then client,
 * holder, what is told of it, and since when the holder has it, in turns. Answers how many were brought back, how many this pod
 * has in the room, and of each that was announced the number of its turn and the count after it.
 */
export const REJOIN = new Script(
  SEAT,
  `
local pod, sets, ttl, command, wire = unpack(ARGV, 1, 5)
local answer = {0, 0}
for index = 6, #ARGV, 4 do
  local client, holder, told, since = unpack(ARGV, index, index + 3)
  if not isHeldLater(members, client, holder, since) then
    answer[1] = answer[1] + 1
    if seat(pod, sets, client, holder, told, since) then
      redis.call(command, wire, 'j' .. told)
      answer[#answer + 1] = (index - 6) / 4
      answer[#answer + 1] = redis.call('ZCARD', order)
    end
  end
end
prolong(ttl)
answer[2] = redis.call('SCARD', own)
return answer
`,
);

/** KEYS: members, order. Answers whether it was announced, and the count. */
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
return {1, redis.call('ZCARD', KEYS[2])}
`,
);

/**
 * Takes a client out of a room and announces it, if this pod holds it. KEYS: members, order. Adds to the answer the count after
 * it and what was told.
 */
const TAKE_OUT = `
${KEPT}
local function takeOut(pod, client, command, wire, answer)
  local of, _, told = kept(redis.call('HGET', KEYS[1], client))
  if of ~= pod then return end
  redis.call('HDEL', KEYS[1], client)
  redis.call('ZREM', KEYS[2], client)
  redis.call(command, wire, 'l' .. told)
  answer[#answer + 1] = redis.call('ZCARD', KEYS[2])
  answer[#answer + 1] = told
end
`;

/**
 * Takes clients out whom their pod does not hold any more. KEYS: members, order, the set of that pod's clients here. ARGV: pod,
 * command, wire, and the clients. Answers of each that left the count after it and what was told.
 */
export const EVICT = new Script(
  TAKE_OUT,
  `
local pod, command, wire = unpack(ARGV, 1, 3)
local answer = {}
for index = 4, #ARGV do
  local client = ARGV[index]
  redis.call('SREM', KEYS[3], client)
  takeOut(pod, client, command, wire, answer)
end
return answer
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
  TAKE_OUT,
  `
local dead, count, command, wire = unpack(ARGV)
local clients = redis.call('SPOP', KEYS[3], count)
local answer = {#clients}
for _, client in ipairs(clients) do
  takeOut(dead, client, command, wire, answer)
end
return answer
`,
);
