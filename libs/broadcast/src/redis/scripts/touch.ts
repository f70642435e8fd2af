import { CLOCK, Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * A subscriber asks for the present position, and keeps it from expiring. KEYS: meta, log. ARGV: the channel, answered
 * as it is; the next epoch; ms for which it will not come again; the position's ttl; the position that it has seen. A
 * server that is behind what was seen has lost it, whatever its replication id says. Where the subscription begins, how
 * the history is kept is told as well.
 */
export const TOUCH = new Script(
  STREAM,
  `
local channel, epoch, lease, positionTtl, seenEpoch, seenOffset = unpack(ARGV)
local size, historyTtl = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock()
local stream = load(epoch)
if stream.e == seenEpoch and stream.o < tonumber(seenOffset) then begin(stream, epoch) end
if size then
  stream.f = math.max(stream.f, stream.o - size + 1)
  stream.t, stream.x = historyTtl, 0
end
stream.s = math.max(stream.s, now + tonumber(lease))
save(stream)
expire(math.max(tonumber(positionTtl), stream.s - now, redis.call('PTTL', log)))
return {channel, stream.e, text(stream.o)}
`,
);

/**
 * A subscriber has left. KEYS: meta, log. ARGV: NUMSUB or SHARDNUMSUB; the channel on the server; the position's ttl,
 * which begins now where nobody else is subscribed.
 */
export const RELEASE = new Script(
  CLOCK,
  `
if redis.call('PUBSUB', ARGV[1], ARGV[2])[2] > 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 's', 0)
redis.call('PEXPIRE', KEYS[1], text(math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[2]), 1)))
return 1
`,
);
