-- Tells of a loss whose grace is over.
-- KEYS: as always, the client's lane.
-- ARGV: lane, event or '', most events and bytes, most events and bytes given up, client, session.
-- Returns 1, or 0 when it was told already or the client has come back.
local client = ARGV[7]
local due = redis.call('ZSCORE', losses, client)
if not due or tonumber(due) > clock() or string.match(redis.call('HGET', live, client) or '', '^%S+') ~= ARGV[8] then
  return 0
end
append(ARGV[1], KEYS[8], ARGV[2], false, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
redis.call('ZREM', losses, client)
redis.call('HDEL', live, client)
return 1
