-- Adds to the log of a push: a list of Unix milliseconds, a space, and the entry.
-- KEYS: the log. ARGV: entry, most entries, seconds to keep the log.
-- Returns the number of entries. When there are too many the oldest behind the first give way: how it began stays.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local count = redis.call('RPUSH', KEYS[1], now .. ' ' .. ARGV[1])
if count > tonumber(ARGV[2]) then
  local first = redis.call('LPOP', KEYS[1])
  redis.call('LPOP', KEYS[1])
  redis.call('LPUSH', KEYS[1], first)
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return count
