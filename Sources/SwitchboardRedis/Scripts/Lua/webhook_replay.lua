-- Puts events that were given up back into the queue, or forgets them.
-- KEYS: as always, all lanes.
-- ARGV: '1' to replay or '0' to forget, then ids; or 'up to', an id, how many.
-- Returns how many there were.
local entries = {}
if ARGV[2] == 'up to' then
  entries = redis.call('XRANGE', dead, '-', ARGV[3], 'COUNT', ARGV[4])
else
  for i = 2, #ARGV do
    entries[#entries + 1] = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
  end
end
local count = 0
for _, entry in ipairs(entries) do
  if redis.call('XDEL', dead, entry[1]) == 1 then
    count = count + 1
    local lane, event = entry[2][2], entry[2][10]
    redis.call('HINCRBY', state, 'deadBytes', -#event)
    if ARGV[1] == '1' then
      add(lane, KEYS[8 + lane], event)
    end
  end
end
if ARGV[1] == '1' then
  redis.call('HDEL', state, 'paused')
end
return count
