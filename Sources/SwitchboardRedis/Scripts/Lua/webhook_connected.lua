-- A session has become its client's current one.
-- KEYS: as always, the client's lane.
-- ARGV: lane, event or '', most events and bytes, most events and bytes given up, client, session, epoch,
--   Unix milliseconds at which it connected, node.
-- Returns 1 when the client was not connected before, else 0.
local client, epoch, connected = ARGV[7], tonumber(ARGV[9]), tonumber(ARGV[10])
local known = redis.call('HGET', live, client)
if known then
  local knownEpoch, knownConnected = string.match(known, '^%S+ (%d+) (%d+) ')
  -- An epoch that is lower and yet later was counted anew.
  if tonumber(knownEpoch) > epoch and tonumber(knownConnected) >= connected then
    return 0
  end
end
redis.call('HSET', live, client, table.concat({ARGV[8], ARGV[9], ARGV[10], ARGV[11]}, ' '))
if known then
  redis.call('ZREM', losses, client)
  return 0
end
append(ARGV[1], KEYS[8], ARGV[2], false, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
return 1
