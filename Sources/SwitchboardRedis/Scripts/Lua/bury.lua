-- Forgets a node whose clients were shown as lost.
-- KEYS: leases, descriptions. ARGV: node.
-- Returns 1, or 0 when another node has done it or the node has come back.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not lease or tonumber(lease) > now then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
