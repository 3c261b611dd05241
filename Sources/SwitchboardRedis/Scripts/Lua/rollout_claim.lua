-- Takes the lead of a roll-out unless somebody has it.
-- KEYS: its state. ARGV: node, milliseconds of the lease.
-- Returns the term, 0 when it is led, -1 when there is none.
if redis.call('HEXISTS', state, 'isOpen') == 0 then
  return -1
end
local now = clock()
if tonumber(redis.call('HGET', state, 'leaseEnd') or 0) > now then
  return 0
end
redis.call('HSET', state, 'leader', ARGV[1], 'leaseEnd', text(now + ARGV[2]))
return redis.call('HINCRBY', state, 'term', 1)
