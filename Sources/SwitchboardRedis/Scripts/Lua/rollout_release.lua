-- Gives the lead of a roll-out up.
-- KEYS: its state. ARGV: term.
-- Returns 1, 0 when another leads.
if redis.call('HGET', KEYS[1], 'term') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'leaseEnd')
return 1
