-- Reads what a channel was sent behind an offset.
-- KEYS: the history, its state (fields in append.lua).
-- ARGV: the epoch if the history begins now, the epoch asked for or '', offset (behind the epoch '': '+' for the newest pushes),
--   most pushes, most bytes of all messages.
-- Returns {1, epoch, newest offset, {offset, previous offset, message, ...}}; {0, epoch, newest offset, {}} when what was
--   missed is not all there, or too much.
local history, state, asked = KEYS[1], KEYS[2], ARGV[3]
local known = redis.call('HMGET', state, 'epoch', 'last', 'dropped')
local epoch, last = known[1] or ARGV[1], known[2] or '0-0'
if not known[1] then
  redis.call('HSET', state, 'epoch', epoch)
end
-- Who is told the epoch may come back with it, also when nothing was pushed meanwhile.
if redis.call('PTTL', state) < 2 * slack then
  redis.call('PEXPIRE', state, 4 * slack)
end
if ARGV[2] == '' then
  local kept, newest, bytes, now = {}, {}, 0, clock()
  if asked == '+' then
    for _, entry in ipairs(redis.call('XREVRANGE', history, '+', '-', 'COUNT', ARGV[4])) do
      bytes = bytes + #entry[2][6]
      if bytes > tonumber(ARGV[5]) then
        break
      end
      if tonumber(entry[2][4]) > now then
        kept[#kept + 1] = entry
      end
    end
  end
  for index = #kept, 1, -1 do
    newest[#newest + 1] = kept[index][1]
    newest[#newest + 1] = kept[index][2][2]
    newest[#newest + 1] = kept[index][2][6]
  end
  return {1, epoch, last, newest}
end
local now = clock()
if ARGV[2] ~= epoch or isBehind(asked, last) or known[3] and isBehind(known[3], asked) then
  return {0, epoch, last, {}}
end
local mostPushes, mostBytes, step = tonumber(ARGV[4]), tonumber(ARGV[5]), 50
local pushes, start, bytes = {}, asked, 0
repeat
  local entries = redis.call('XRANGE', history, '(' .. start, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    start = entry[1]
    local expires, message = tonumber(entry[2][4]), entry[2][6]
    bytes = bytes + #message
    if expires <= now or #pushes >= 3 * mostPushes or bytes > mostBytes then
      return {0, epoch, last, {}}
    end
    pushes[#pushes + 1] = start
    pushes[#pushes + 1] = entry[2][2]
    pushes[#pushes + 1] = message
  end
until #entries < step
-- The newest must be there, unless the stream was lost without its state.
return {start == last and 1 or 0, epoch, last, start == last and pushes or {}}
