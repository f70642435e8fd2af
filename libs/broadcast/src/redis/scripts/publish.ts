import { Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * KEYS: meta, log, and idempotency keys, none of which may be known; their windows are the last ARGV. Returns `stored` or `duplicate` with the position, or `conflict`.
 * A duplicate writes its key again, so that WAIT has something to confirm for it as well.
 */
export const PUBLISH = new Script(
  STREAM,
  `
local epoch, command, pubSubChannel, payload = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local size, historyTtl, positionTtl = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local fingerprint = ARGV[8]

for index = 3, #KEYS do
  local known = redis.call('GET', KEYS[index])
  if known then
    local knownEpoch, offset, knownFingerprint = string.match(known, '^(%S+) (%S+) (.*)$')
    if knownFingerprint ~= fingerprint then return {'conflict'} end
    redis.call('SET', KEYS[index], known, 'KEEPTTL')
    return {'duplicate', knownEpoch, offset}
  end
end

local now = clock()
local stream = load(epoch)
local time = math.max(now, stream.m)
stream.o, stream.m = stream.o + 1, time
local offset, at = text(stream.o), text(time)
local ttl = math.max(positionTtl, stream.s - now)
if size == 0 then
  redis.call('DEL', log)
  stream.f = stream.o + 1
else
  stream.f = math.max(stream.f, stream.o - size + 1)
  local added = redis.pcall('XADD', log, offset .. '-' .. at, 'p', payload)
  local failure = type(added) == 'table' and added.err
  if failure and string.find(failure, 'equal or smaller', 1, true) then
    -- Someone else has added an entry with a later id: what was there before is unknown.
    begin(stream, epoch)
    stream.o, offset = 1, '1'
    redis.call('XADD', log, offset .. '-' .. at, 'p', payload)
  elseif failure then
    return added
  end
  if time >= stream.x or historyTtl ~= stream.t then
    local first, begun = oldest(stream, time - historyTtl)
    stream.f, stream.x = first, (begun or time) + historyTtl
  end
  redis.call('XTRIM', log, 'MINID', '~', text(stream.f))
  redis.call('PEXPIRE', log, text(math.max(historyTtl, 1)))
  ttl = math.max(ttl, historyTtl)
end
stream.t, stream.b = historyTtl, math.max(stream.b, #payload)
save(stream, ttl)
for index = 3, #KEYS do
  redis.call('SET', KEYS[index], stream.e .. ' ' .. offset .. ' ' .. fingerprint, 'PX', ARGV[6 + index])
end
redis.call(command, pubSubChannel, 'p' .. stream.e .. ' ' .. offset .. ' ' .. at .. ' ' .. payload)
return {'stored', stream.e, offset}
`,
);
