-- A session has ended.
-- KEYS: presence of the client.
-- ARGV: epoch, session, Unix milliseconds, close code, reason, '1' when lost or '0', seconds to keep the record.
-- Returns 1, or 0 when the session is not the client's current one.
local current = redis.call('HMGET', KEYS[1], 'epoch', 'session')
if current[1] ~= ARGV[1] or current[2] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'disconnectedAt', ARGV[3], 'closeCode', ARGV[4], 'closeReason', ARGV[5], 'lost', ARGV[6])
if ARGV[6] == '0' then
  redis.call('HSET', KEYS[1], 'lastSeenAt', ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[7])
return 1
