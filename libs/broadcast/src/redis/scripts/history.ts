import { Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * KEYS: meta, log. ARGV: the next epoch; epoch and offset of `since`, or two empty texts; limit; 1 for newest first; bytes of
 * payloads, or an empty text. Returns the position, the first offset that is kept, and a page of entries. If bytes are limited,
 * it reads as many entries at a time as fit in any case, or a few: entries that do not fit are not read.
 */
export const HISTORY = new Script(
  STREAM,
  `
local epoch, sinceEpoch, since = ARGV[1], ARGV[2], tonumber(ARGV[3])
local limit, reverse, room = tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])
if redis.call('EXISTS', meta) == 0 then return {epoch, '0', '1', {}} end
local stream = load(epoch)
if stream.began then save(stream, redis.call('PTTL', meta)) end
local first, last = oldest(stream, clock() - stream.t), stream.o
local kept = first
if sinceEpoch == stream.e and since <= stream.o then
  if reverse then last = since - 1 else first = math.max(first, since + 1) end
end

local function page(count)
  if count < 1 or first > last then return {} end
  if reverse then return redis.call('XREVRANGE', log, text(last), text(first), 'COUNT', count) end
  return redis.call('XRANGE', log, text(first), text(last), 'COUNT', count)
end

local function within(room)
  local entries, largest, few = {}, 1, 4
  while true do
    local sure = stream.b > 0 and math.floor(room / stream.b) or 0
    local count = math.min(math.max(sure, few), limit - #entries)
    local read = page(count)
    for _, entry in ipairs(read) do
      local size = #entry[2][2]
      room, largest = room - size, math.max(largest, size)
      if room < 0 and #entries > 0 then return entries end
      entries[#entries + 1] = entry
    end
    if #read < count or count < 1 then return entries end
    local reached = place(read[#read])
    if reverse then last = reached - 1 else first = reached + 1 end
    few = math.max(1, math.min(4 * few, 64, math.ceil(room / largest)))
  end
end

return {stream.e, text(stream.o), text(kept), room and within(room) or page(limit)}
`,
);
