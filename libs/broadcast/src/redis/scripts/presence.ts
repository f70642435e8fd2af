import { CLOCK, KEPT, Script } from './script.js';

/**
 * Adds a client to a channel, or hands it over to another holder. KEYS: members, order, the set of this pod's clients here.
 * `members` is a hash from client to its pod, its holder, the member as JSON, and since when the holder has it; `order` sorts
 * clients by when they joined. Returns whether the change has to be announced.
 */
const ADD = `
${KEPT}
local members, order, own = KEYS[1], KEYS[2], KEYS[3]

local function add(pod, sets, client, holder, member, since)
  local formerPod, _, formerMember = kept(redis.call('HGET', members, client))
  if formerPod then
    if formerPod ~= pod then redis.call('SREM', sets .. formerPod, client) end
  else
    local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', order, (tonumber(last) or 0) + 1, client)
  end
  redis.call('HSET', members, client, cmsgpack.pack(pod, holder, member, since))
  redis.call('SADD', own, client)
  return formerMember ~= member
end

local function prolong(ttl)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
end
`;

/** KEYS: as for {@link ADD}. Returns whether it was announced, the number of members, and since when the holder has it. */
export const JOIN = new Script(
  CLOCK,
  ADD,
  `
local client, holder, pod, member, sets, ttl, command, pubSubChannel = unpack(ARGV)
local since = text(clock())
local changed = add(pod, sets, client, holder, member, since)
prolong(ttl)
if not changed then return {0, redis.call('ZCARD', order), since} end
redis.call(command, pubSubChannel, 'j' .. member)
return {1, redis.call('ZCARD', order), since}
`,
);

/**
 * Restores clients, except those that a later holder has. KEYS: as for {@link ADD}. ARGV: pod, prefix of the pods' sets, ttl,
 * command, pub/sub channel, then for each: client, holder, member as JSON, and since when the holder has it. Returns how many were
 * restored, how many this pod has in the channel, and for each that was announced its index and the number of members.
 */
export const REJOIN = new Script(
  ADD,
  `
local pod, sets, ttl, command, pubSubChannel = unpack(ARGV, 1, 5)
local answer = {0, 0}
for index = 6, #ARGV, 4 do
  local client, holder, member, since = unpack(ARGV, index, index + 3)
  if not isHeldLater(members, client, holder, since) then
    answer[1] = answer[1] + 1
    if add(pod, sets, client, holder, member, since) then
      redis.call(command, pubSubChannel, 'j' .. member)
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

/** KEYS: members, order. Returns whether it was announced, and the number of members. */
export const LEAVE = new Script(
  KEPT,
  `
local client, holder, sets, command, pubSubChannel = unpack(ARGV)
local pod, formerHolder, member = kept(redis.call('HGET', KEYS[1], client))
if formerHolder ~= holder then return {0, redis.call('ZCARD', KEYS[2])} end
redis.call('HDEL', KEYS[1], client)
redis.call('ZREM', KEYS[2], client)
redis.call('SREM', sets .. pod, client)
redis.call(command, pubSubChannel, 'l' .. member)
return {1, redis.call('ZCARD', KEYS[2])}
`,
);

/**
 * Removes a client from a channel and announces it, if it belongs to this pod. KEYS: members, order. Appends the number of
 * members and the member as JSON to the answer.
 */
const REMOVE_MEMBER = `
${KEPT}
local function removeMember(pod, client, command, pubSubChannel, answer)
  local owner, _, member = kept(redis.call('HGET', KEYS[1], client))
  if owner ~= pod then return end
  redis.call('HDEL', KEYS[1], client)
  redis.call('ZREM', KEYS[2], client)
  redis.call(command, pubSubChannel, 'l' .. member)
  answer[#answer + 1] = redis.call('ZCARD', KEYS[2])
  answer[#answer + 1] = member
end
`;

/**
 * Removes clients that their pod does not have any more. KEYS: members, order, the set of that pod's clients here. ARGV: pod,
 * command, pub/sub channel, and the clients. Returns for each that left the number of members and the member as JSON.
 */
export const EVICT = new Script(
  REMOVE_MEMBER,
  `
local pod, command, pubSubChannel = unpack(ARGV, 1, 3)
local answer = {}
for index = 4, #ARGV do
  local client = ARGV[index]
  redis.call('SREM', KEYS[3], client)
  removeMember(pod, client, command, pubSubChannel, answer)
end
return answer
`,
);

/**
 * KEYS: members, order. ARGV: limit, and how many bytes the answer may have. Returns the number of members, and the first ones as
 * JSON: an empty text for a member that cannot be read.
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
      local _, _, json = kept(member)
      room = room - #(json or '')
      if room < 0 then break end
      answer[#answer + 1] = json or ''
    end
  end
end
return answer
`,
);

/**
 * Removes members of a dead pod. KEYS: members, order, the set of that pod's clients here. Only one sweeper pops a client, so that
 * it leaves once. Returns how many were popped, and for each that left the number of members and the member as JSON.
 */
export const SWEEP_MEMBERS = new Script(
  REMOVE_MEMBER,
  `
local dead, count, command, pubSubChannel = unpack(ARGV)
local clients = redis.call('SPOP', KEYS[3], count)
local answer = {#clients}
for _, client in ipairs(clients) do
  removeMember(dead, client, command, pubSubChannel, answer)
end
return answer
`,
);
