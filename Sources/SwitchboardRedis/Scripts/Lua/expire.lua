-- Removes what has expired from a mailbox, some at a time.
-- KEYS: the mailbox, its index. ARGV: the first offset to look at.
-- Returns {offset behind which to go on or '', when the next expires or some time before or '', expired pushes ...}.
local now, start, isMixed = clock(), ARGV[1], redis.call('HGET', index, 'mixed') ~= '0'
local reply = {'', ''}
local nextExpiry, latest, isSorted, looked, bytes = nil, 0, start == '-', 0, 0
local isAtEnd = false
repeat
  local entries = redis.call('XRANGE', mailbox, start, '+', 'COUNT', step)
  isAtEnd = #entries < step
  local late = {}
  for _, entry in ipairs(entries) do
    local expires = tonumber(entry[2][EXPIRES])
    start = '(' .. entry[1]
    reply[1] = entry[1]
    looked, bytes = looked + 1, bytes + entry[2][BYTES]
    if expires <= now then
      late[#late + 1] = entry
      reply[#reply + 1] = told(entry[2])
    else
      -- What follows in a mailbox that is in order expires at most so much earlier.
      local isLast = not isMixed and expires > now + tolerance
      nextExpiry = math.min(nextExpiry or expires, isLast and expires - tolerance or expires)
      isSorted = isSorted and expires >= latest - tolerance
      latest = math.max(latest, expires)
      if isLast then
        isAtEnd = true
        break
      end
    end
  end
  if #late > 0 then
    remove(late)
  end
until isAtEnd or looked >= manyEntries or bytes > manyBytes
if #reply > 2 then
  settle()
end
if isAtEnd then
  reply[1] = ''
  if isMixed and isSorted and nextExpiry then
    redis.call('HSET', index, 'mixed', '0', 'latest', latest)
  end
end
if nextExpiry then
  reply[2] = string.format('%.0f', nextExpiry)
end
return reply
