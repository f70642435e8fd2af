import { CLOCK, REPLICATION_ID } from './script.js';

/**
 * Shared by the scripts that use a channel's stream. KEYS: meta, log.
 *
 * `meta` is a hash: e epoch, o last offset, r replication id of the primary that wrote it last, f first offset that is kept, t ms
 * for which publications are kept, m time of the last one, b bytes of the largest one, x when the first one expires, s until when
 * the position is kept for subscribers; only e, r and s if nothing was published. `log` is a stream with ids OFFSET-TIME.
 * Positions and times are written as text, because Lua would round them.
 *
 * The replication id changes when a replica is promoted and when a primary restarts: either may have lost acknowledged writes,
 * and would assign their offsets again. So the stream starts again in a new epoch.
 */
export const STREAM = `
local meta, log = KEYS[1], KEYS[2]

${CLOCK}

local function begin(stream, epoch)
  stream.e, stream.o, stream.f, stream.x, stream.b = epoch, 0, 1, 0, 0
  redis.call('DEL', log)
end

${REPLICATION_ID}

local function load(epoch)
  local replication = replicationId()
  local e, o, r, f, t, m, x, s, b = unpack(redis.call('HMGET', meta, 'e', 'o', 'r', 'f', 't', 'm', 'x', 's', 'b'))
  local stream = {
    e = e, o = tonumber(o or 0), r = replication, f = tonumber(f or 1), t = tonumber(t or 0), m = tonumber(m or 0),
    x = tonumber(x or 0), s = tonumber(s or 0), b = tonumber(b or 0), began = r ~= replication
  }
  -- Someone else has written here: what was there before is unknown.
  if not (e and stream.o and stream.f and stream.t and stream.m and stream.x and stream.s) then
    stream.began = true
    stream.t, stream.m, stream.s = stream.t or 0, stream.m or 0, stream.s or 0
  end
  if stream.began then begin(stream, epoch) end
  return stream
end

local function save(stream, ttl)
  if stream.o == 0 then
    redis.call('DEL', meta)
    redis.call('HSET', meta, 'e', stream.e, 'r', stream.r, 's', text(stream.s))
  else
    redis.call('HSET', meta, 'e', stream.e, 'o', text(stream.o), 'r', stream.r, 'f', text(stream.f), 't', text(stream.t),
      'm', text(stream.m), 'x', text(stream.x), 's', text(stream.s), 'b', text(stream.b))
  end
  redis.call('PEXPIRE', meta, text(math.max(ttl, 1)))
end

local function place(entry)
  local offset, time = string.match(entry[1], '^(%d+)-(%d+)$')
  return tonumber(offset), tonumber(time)
end

-- The first offset published after cutoff, and its time; the next offset if there is none.
local function oldest(stream, cutoff)
  local first = redis.call('XRANGE', log, text(stream.f), '+', 'COUNT', 1)[1]
  if not first then return stream.o + 1 end
  local low, time = place(first)
  if time > cutoff then return low, time end
  local high = stream.o + 1
  time = nil
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = redis.call('XRANGE', log, text(middle), '+', 'COUNT', 1)[1]
    local _, at = place(entry)
    if at > cutoff then high, time = middle, at else low = middle + 1 end
  end
  return low, time
end
`;
