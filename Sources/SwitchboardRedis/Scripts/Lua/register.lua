-- Makes a session the client's current one and evicts the older.
-- KEYS: presence of the client, its count of connects, its mailbox.
-- ARGV: head of the nodes' channel names, client, node, session, address, policy, a node known to be dead or '',
--   connects, window and cool-down of the limit (connects, ms, ms), then presence fields and values.
-- Returns {0, epoch, entries in the mailbox}, {1, seconds to cool down} or {2, node of the duplicate}.
local client, node, session, address = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local older = redis.call('HMGET', KEYS[1], 'node', 'session', 'disconnectedAt')
local isOnline = older[1] and not older[3]
if isOnline and ARGV[6] == 'reject' and older[1] ~= ARGV[7] then
  return {2, older[1]}
end

local limit = tonumber(ARGV[8])
local connects = redis.call('INCR', KEYS[2])
if connects == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[9])
elseif connects == limit + 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[10])
end
if connects > limit then
  return {1, math.ceil(redis.call('PTTL', KEYS[2]) / 1000)}
end

local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'node', node, 'session', session, 'address', address, unpack(ARGV, 11))
if older[3] then
  redis.call('HDEL', KEYS[1], 'disconnectedAt', 'closeCode', 'closeReason', 'lost')
  redis.call('PERSIST', KEYS[1])
end
if older[1] then
  redis.call('HDEL', KEYS[1], 'rtt', 'health')
end
if isOnline and older[2] ~= session then
  redis.call('PUBLISH', ARGV[1] .. older[1] .. '}', string.format(
    '{"type":"evict","client":"%s","session":"%s","epoch":%.0f,"node":"%s","address":%s}',
    client, older[2], epoch, node, cjson.encode(address)))
end
-- What went to the older session without an ack has to come again.
return {0, epoch, isOnline and older[2] ~= session and 1 or redis.call('XLEN', KEYS[3])}
