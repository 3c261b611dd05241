-- Sends a message to the node that owns a client.
-- KEYS: presence of the client. ARGV: head of the nodes' channel names, message.
-- Returns the number of nodes that got it: 0 when the client is not connected, or its node is gone.
local presence = redis.call('HMGET', KEYS[1], 'node', 'disconnectedAt')
if not presence[1] or presence[2] then
  return 0
end
return redis.call('PUBLISH', ARGV[1] .. presence[1] .. '}', ARGV[2])
