-- Begins a roll-out all of whose clients are there.
-- KEYS: its state, its clients. ARGV: the word for its creation, the number of clients.
-- Returns 1, 0 when something is missing or another creation is under way.
if redis.call('HGET', state, 'creation') ~= ARGV[1] or redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', state, 'isOpen', '1', 'phase', 'canary', 'started', 0, 'succeeded', 0, 'failed', 0, 'held', 0, 'term', 0)
redis.call('PERSIST', state)
redis.call('PERSIST', KEYS[2])
return 1
