-- Shows a client of a dead node as lost.
-- KEYS: presence of the client.
-- ARGV: the dead node, the session that it held, Unix milliseconds, close code, reason, seconds to keep the record.
-- Returns 1, or 0 when the session had ended or the client is connected elsewhere.
local current = redis.call('HMGET', KEYS[1], 'node', 'session', 'disconnectedAt')
if current[1] ~= ARGV[1] or current[2] ~= ARGV[2] or current[3] then
  return 0
end
redis.call('HSET', KEYS[1], 'disconnectedAt', ARGV[3], 'closeCode', ARGV[4], 'closeReason', ARGV[5], 'lost', '1')
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
