-- Accepts a message of a client once.
-- KEYS: stream, and the message id's key when it has one.
-- ARGV: entries to keep, seconds to remember the id, then fields and values of the entry.
-- Returns 1, or 0 when the id is known.
if KEYS[2] and not redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[2]) then
  return 0
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
return 1
