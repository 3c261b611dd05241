-- Removes a push by its id, looking at some entries at a time.
-- KEYS: the mailbox, its index. ARGV: id, the first offset to look at.
-- Returns {pushes removed, offset behind which to go on or ''}. One that has expired stays, to be told as such.
local now, start, looked, bytes, removed = clock(), ARGV[2], 0, 0, 0
local isAtEnd = false
repeat
  local entries = redis.call('XRANGE', mailbox, start, '+', 'COUNT', step)
  isAtEnd = #entries < step
  for _, entry in ipairs(entries) do
    start = '(' .. entry[1]
    looked, bytes = looked + 1, bytes + entry[2][BYTES]
    if entry[2][ID] == ARGV[1] and tonumber(entry[2][EXPIRES]) > now then
      remove({entry})
      removed = removed + 1
    end
  end
until isAtEnd or looked >= manyEntries or bytes > manyBytes
if removed > 0 then
  settle()
end
return {removed, isAtEnd and '' or string.sub(start, 2)}
