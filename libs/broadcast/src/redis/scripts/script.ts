import { createHash } from 'node:crypto';

/**
 * The server's clock, in ms since the Unix epoch; and whole numbers as text, because Lua would round them beyond 14 digits.
 */
export const CLOCK = `
local function text(number) return string.format('%d', number) end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/**
 * What a hash stores of a client: its pod, its holder, JSON, and since when the holder has it. Returns nothing for a value that
 * no script of ours has written: it counts as absent, and the rest of the answer is not affected.
 */
export const KEPT = `
local function kept(entry)
  if not entry then return nil end
  local isPacked, pod, holder, json, since = pcall(cmsgpack.unpack, entry)
  if not isPacked or type(pod) ~= 'string' or type(holder) ~= 'string' or type(json) ~= 'string' then return nil end
  if not tonumber(since) then return nil end
  return pod, holder, json, since
end

-- Whether another holder took the client over at that time or later.
local function isHeldLater(key, client, holder, since)
  local _, former, _, formerSince = kept(redis.call('HGET', key, client))
  return former and former ~= holder and tonumber(formerSince) >= tonumber(since)
end
`;

/** Identifies the data: if the id has changed, acknowledged writes may be lost. */
export const REPLICATION_ID = `
-- By position instead of a pattern, as this runs with each publish.
local function replicationId()
  local info = redis.call('INFO', 'replication')
  local _, before = string.find(info, 'master_replid:', 1, true)
  return string.sub(info, before + 1, before + 40)
end
`;

/** A Lua script, run by its digest. */
export class Script {
  readonly body: string;
  readonly sha: string;

  constructor(...parts: readonly string[]) {
    this.body = parts.join('\n');
    this.sha = createHash('sha1').update(this.body).digest('hex');
  }
}
