-- Renews the lease of a node.
-- KEYS: leases, descriptions. ARGV: node, milliseconds of the lease, description.
-- Returns 1 when the lease had ended or never was, else 0.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return (not lease or tonumber(lease) <= now) and 1 or 0
