-- Keeps a push in a channel's history and publishes it to every node.
-- KEYS: the history, its state. ARGV: the shared channel, message, expiry, most pushes, the epoch if the history begins now.
-- Returns {offset, previous offset, epoch, nodes reached}.
-- An entry's fields, always these: previous, expires, message.
-- The state: epoch, last (the newest offset ever given), oldest (when the oldest entry expires), ends (when both keys expire),
--   dropped (the newest offset that was removed).
local history, state, message, expires, most = KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('HMGET', state, 'epoch', 'last', 'oldest', 'ends')
local epoch, previous = known[1] or ARGV[5], known[2] or '0-0'
local oldest, ends = tonumber(known[3] or 0), tonumber(known[4] or 0)

local offset = append(history, known[2], 'previous', previous, 'expires', ARGV[3], 'message', message)
local pushes, now = redis.call('XLEN', history), clock()
if pushes == 1 then
  oldest = expires
end
-- The state alone may have outlived an earlier stream.
local isProlonged = pushes == 1 or expires + slack > ends
if isProlonged then
  ends = math.max(ends, expires + 2 * slack)
end

local surplus, step, removed, dropped = most > 0 and pushes - most or 0, 20, 0, nil
while (surplus > 0 or oldest <= now) and removed < 1000 do
  local gone = {}
  for _, entry in ipairs(redis.call('XRANGE', history, '-', '+', 'COUNT', math.max(1, math.min(step, surplus)) + 1)) do
    oldest = tonumber(entry[2][4])
    if entry[1] == offset or oldest > now and surplus <= 0 then
      break
    end
    gone[#gone + 1] = entry[1]
    surplus = surplus - 1
  end
  if #gone == 0 then
    break
  end
  redis.call('XDEL', history, unpack(gone))
  removed, dropped = removed + #gone, gone[#gone]
end

redis.call('HSET', state, 'epoch', epoch, 'last', offset, 'oldest', oldest, 'ends', ends)
if dropped then
  redis.call('HSET', state, 'dropped', dropped)
end
if isProlonged then
  redis.call('PEXPIREAT', history, ends)
  redis.call('PEXPIREAT', state, ends)
end
local nodes = redis.call('PUBLISH', ARGV[1],
  '{"offset":"' .. offset .. '","previous":"' .. previous .. '","epoch":"' .. epoch .. '",' .. string.sub(message, 2))
return {offset, previous, epoch, nodes}
