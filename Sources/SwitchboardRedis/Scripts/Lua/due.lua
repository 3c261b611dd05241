-- Takes mailboxes in which something has expired off the list, for one node to clean them.
-- KEYS: next expiry of each mailbox, mailboxes that are being cleaned. ARGV: how many, milliseconds that cleaning may take.
-- Returns the clients. Those of a node that did not finish in time are due again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[2], client)
  redis.call('ZADD', KEYS[1], 'LT', now, client)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, client in ipairs(due) do
  redis.call('ZREM', KEYS[1], client)
  redis.call('ZADD', KEYS[2], now + ARGV[2], client)
end
return due
