-- Adds clients to a roll-out that is being created.
-- KEYS: its state, its clients (a list). ARGV: a word for this creation, the definition, the same for lists, the number of clients
--   that were added before, seconds for which it is kept until it is opened, then clients.
-- Returns 1, 0 when another creation of this id is under way, -1 when it is there already.
local state, clients = KEYS[1], KEYS[2]
if redis.call('HEXISTS', state, 'isOpen') == 1 then
  return -1
end
if ARGV[4] == '0' then
  -- One that was given up in the middle, or that another request began just now: the later one goes on.
  redis.call('DEL', state, clients)
  redis.call('HSET', state, 'creation', ARGV[1], 'definition', ARGV[2], 'listed', ARGV[3])
elseif redis.call('HGET', state, 'creation') ~= ARGV[1] or redis.call('LLEN', clients) ~= tonumber(ARGV[4]) then
  return 0
end
if #ARGV > 5 then
  redis.call('RPUSH', clients, unpack(ARGV, 6))
  redis.call('EXPIRE', clients, ARGV[5])
end
redis.call('EXPIRE', state, ARGV[5])
return 1
