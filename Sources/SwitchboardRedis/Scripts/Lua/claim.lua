-- Writes a value unless there is one.
-- KEYS: its key. ARGV: value, seconds to keep it.
-- Returns what is there already, or nil.
local present = redis.call('GET', KEYS[1])
if not present then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
return present
