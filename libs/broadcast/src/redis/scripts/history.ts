import { Script } from './script.js';
import { STREAM } from './stream.js';

/**
 * KEYS: meta, log. ARGV: the next epoch; since's epoch and offset, or two empty texts; limit; 1 for newest first.
 * Answers the position, the first offset that is kept, and the page of entries.
 */
export const HISTORY = new Script(
  STREAM,
  `
local epoch, sinceEpoch, since = ARGV[1], ARGV[2], tonumber(ARGV[3])
local limit, reverse = tonumber(ARGV[4]), ARGV[5] == '1'
if redis.call('EXISTS', meta) == 0 then return {epoch, '0', '1', {}} end
local stream = load(epoch)
if stream.began then save(stream) end
local first, last = oldest(stream, clock() - stream.t), stream.o
local kept = first
if sinceEpoch == stream.e and since <= stream.o then
  if reverse then last = since - 1 else first = math.max(first, since + 1) end
end
local entries = {}
if limit > 0 and first <= last then
  if reverse then
    entries = redis.call('XREVRANGE', log, text(last), text(first), 'COUNT', limit)
  else
    entries = redis.call('XRANGE', log, text(first), text(last), 'COUNT', limit)
  end
end
return {stream.e, text(stream.o), text(kept), entries}
`,
);
