import { Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * Returns the current position to a subscriber, and keeps it from expiring. KEYS: meta, log. ARGV: the channel, which is
 * returned unchanged; the next epoch; ms for which the position is kept; the position's ttl; the position that the subscriber
 * has seen; when the subscription begins, also the size and ttl of the history. A server that is behind the seen position has
 * lost data, whatever its replication id is. Writes only if something changes, or half of the time has passed.
 */
export const ATTACH = new Script(
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
 * A pod has unsubscribed. KEYS: meta, log. ARGV: NUMSUB or SHARDNUMSUB; the pub/sub channel; the position's ttl, which begins
 * now unless another pod is subscribed; its ttl if nothing was published.
 */
export const DETACH = new Script(`
if redis.call('PUBSUB', ARGV[1], ARGV[2])[2] > 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 's', 0)
local published = tonumber(redis.call('HGET', KEYS[1], 'o') or 0) > 0
local ttl = published and math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[2])) or tonumber(ARGV[4])
redis.call('PEXPIRE', KEYS[1], string.format('%d', ttl))
return 1
`);
