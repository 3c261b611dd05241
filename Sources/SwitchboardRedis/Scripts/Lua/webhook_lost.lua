-- A session has ended.
-- KEYS: as always. ARGV: client, session, milliseconds of the grace, 'AT CODE LOST REASON'.
-- Returns 1; 0 when it is not its client's known one, or its loss is known.
local session = string.match(redis.call('HGET', live, ARGV[1]) or '', '^%S+ %d+ %d+ %S+')
if not session or string.match(session, '^%S+') ~= ARGV[2] or redis.call('ZSCORE', losses, ARGV[1]) then
  return 0
end
redis.call('HSET', live, ARGV[1], session .. ' ' .. ARGV[4])
redis.call('ZADD', losses, string.format('%.0f', clock() + ARGV[3]), ARGV[1])
return 1
