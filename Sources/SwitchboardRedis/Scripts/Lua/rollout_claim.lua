-- Takes the lead of a roll-out unless somebody has it.
-- KEYS: its state. ARGV: node, milliseconds of the lease, a word for this process of the node.
-- Returns the term, 0 when it is led, -1 when there is none.
if redis.call('HEXISTS', state, 'isOpen') == 0 then
  return -1
end
local now = clock()
if tonumber(redis.call('HGET', state, 'leaseEnd') or 0) > now then
  -- What an earlier process of the same node had is nobody's any more.
  local led = redis.call('HMGET', state, 'leader', 'run')
  if led[1] ~= ARGV[1] or led[2] == ARGV[3] then
    return 0
  end
end
redis.call('HSET', state, 'leader', ARGV[1], 'run', ARGV[3], 'leaseEnd', text(now + ARGV[2]))
return redis.call('HINCRBY', state, 'term', 1)
