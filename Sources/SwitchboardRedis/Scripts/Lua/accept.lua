-- Accepts a message of a client once.
-- KEYS: stream, and the message id's key when it has one.
-- ARGV: entries to keep or 0 for all, seconds to remember the id, then fields and values of the entry.
-- Returns 1, or 0 when the id is known.
if KEYS[2] and not redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[2]) then
  return 0
end
if ARGV[1] == '0' then
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
else
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
end
return 1
