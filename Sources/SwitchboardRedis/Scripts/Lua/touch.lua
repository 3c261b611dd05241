-- Keeps what changed in a live session.
-- KEYS: presence of the client. ARGV: epoch, reason given to clients of lost nodes, then presence fields and values.
-- Returns 1; 0 when the session is not the client's current one or has ended; 2 when it was declared lost with its node, which
-- lives after all.
local current = redis.call('HMGET', KEYS[1], 'epoch', 'disconnectedAt', 'closeReason')
if current[1] ~= ARGV[1] then
  return 0
end
if current[2] then
  return current[3] == ARGV[2] and 2 or 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
