-- Writes again what is known of a live session.
-- KEYS: presence of the client.
-- ARGV: head of the nodes' channel names, client, node, session, address, epoch, Unix milliseconds at which it connected,
--   then presence fields and values.
-- Returns 1, or 0 when the client has a newer session, which the node is told by an eviction.
local client, node, session, address = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local epoch, connectedAt = tonumber(ARGV[6]), tonumber(ARGV[7])

local function evict(from, gone, by, at, epoch)
  redis.call('PUBLISH', ARGV[1] .. from .. '}', string.format(
    '{"type":"evict","client":"%s","session":"%s","epoch":%.0f,"node":"%s","address":%s}',
    client, gone, epoch, by, cjson.encode(at)))
end

local current = redis.call('HMGET', KEYS[1], 'epoch', 'node', 'session', 'address', 'connectedAt', 'disconnectedAt')
if current[2] and current[3] ~= session then
  -- Epochs begin anew when Redis has lost the record; then the time says which session is the newer.
  if tonumber(current[1]) > epoch or tonumber(current[5]) > connectedAt then
    evict(node, session, current[2], current[4], math.max(tonumber(current[1]), epoch + 1))
    return 0
  end
  if not current[6] then
    evict(current[2], current[3], node, address, math.max(tonumber(current[1]) + 1, epoch))
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[6], 'node', node, 'session', session, 'address', address, unpack(ARGV, 8))
redis.call('HDEL', KEYS[1], 'disconnectedAt', 'closeCode', 'closeReason', 'lost')
redis.call('PERSIST', KEYS[1])
return 1
