-- Losses whose grace is over.
-- KEYS: as always. ARGV: how many.
-- Returns {client, live session, ...}.
local reply = {}
for _, client in ipairs(redis.call('ZRANGEBYSCORE', losses, '-inf', clock(), 'LIMIT', 0, ARGV[1])) do
  local session = redis.call('HGET', live, client)
  if session then
    reply[#reply + 1] = client
    reply[#reply + 1] = session
  else
    redis.call('ZREM', losses, client)
  end
end
return reply
