import { Script } from './script.js';

/**
 * Takes the lease of the inbox, or renews it, and reads the first entries. KEYS: the lease, a text with the pod; the inbox, a stream that
 * backends write to. ARGV: pod; ms of the lease; how many entries; how many bytes of data they may have together, and how many one of
 * them. Returns 0 if another pod has the lease; otherwise 1, then for each entry its id, channel, key and data, and how many U+FFFD the
 * data contains: the client puts the same in place of what is not UTF-8. It is -1 for data that is too large and left out.
 */
export const TAKE = new Script(`
local pod, lease, count, room, largest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= pod then return {0} end
if not holder or redis.call('PTTL', KEYS[1]) < lease / 2 then redis.call('SET', KEYS[1], pod, 'PX', lease) end
local answer, after = {1}, '-'
while #answer <= count do
  local entry = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', 1)[1]
  if not entry then break end
  local values = {}
  for index = 1, #entry[2], 2 do values[entry[2][index]] = entry[2][index + 1] end
  local data, replaced = values.data or '', -1
  if #data > largest then data = '' else replaced = select(2, string.gsub(data, '\\239\\191\\189', '')) end
  room = room - #data
  if room < 0 and #answer > 1 then break end
  local channel, key = string.sub(values.channel or '', 1, 1024), string.sub(values.key or '', 1, 1024)
  answer[#answer + 1] = {entry[1], channel, key, data, replaced}
  after = '(' .. entry[1]
end
return answer
`);

/** Ends the lease of a pod. KEYS: the lease. ARGV: pod. */
export const RELEASE = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);
