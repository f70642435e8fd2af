import { Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * A subscriber asks for the present position, and keeps it from expiring. KEYS: meta, log. ARGV: the channel, answered
 * as it is; the next epoch; ms for which it need not come again; the position's ttl; the position that it has seen. A
 * server that is behind what was seen has lost it, whatever its replication id says. When the subscription begins, how
 * the history is kept is told as well. Only reads if there is nothing to change and at least half of the time is left.
 */
export const TOUCH = new Script(
  STREAM,
  `
local channel, epoch, lease, positionTtl, seenEpoch, seenOffset = unpack(ARGV)
local size, historyTtl = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock()
local stream = load(epoch)
local changed = stream.began
if stream.e == seenEpoch and stream.o < tonumber(seenOffset) then
  begin(stream, epoch)
  changed = true
end
lease, positionTtl = tonumber(lease), tonumber(positionTtl)
if stream.o == 0 then
  positionTtl = 0
else
  lease = math.max(lease, positionTtl)
  if size then
    local first = math.max(stream.f, stream.o - size + 1)
    if first ~= stream.f or historyTtl ~= stream.t then
      stream.f, stream.t, stream.x = first, historyTtl, 0
      changed = true
    end
  end
end
if changed or stream.s < now + lease / 2 then
  stream.s = math.max(stream.s, now + lease)
  save(stream, math.max(positionTtl, stream.s - now, redis.call('PTTL', log)))
end
return {channel, stream.e, text(stream.o)}
`,
);

/**
 * A subscriber has left. KEYS: meta, log. ARGV: NUMSUB or SHARDNUMSUB; the channel on the server; the position's ttl,
 * which begins now if nobody else is subscribed; the same if nothing was published.
 */
export const RELEASE = new Script(`
if redis.call('PUBSUB', ARGV[1], ARGV[2])[2] > 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 's', 0)
local published = tonumber(redis.call('HGET', KEYS[1], 'o') or 0) > 0
local ttl = published and math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[2])) or tonumber(ARGV[4])
redis.call('PEXPIRE', KEYS[1], string.format('%d', ttl))
return 1
`);
