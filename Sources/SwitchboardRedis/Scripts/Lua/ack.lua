-- Removes everything up to an offset, some at a time.
-- KEYS: the mailbox, its index. ARGV: offset.
-- Returns {1 when there is more or 0, id, waiter, id, waiter ...}, oldest first.
local reply, removed = {0}, 0
repeat
  local entries = redis.call('XRANGE', mailbox, '-', ARGV[1], 'COUNT', step)
  if #entries > 0 then
    removed = removed + remove(entries)
  end
  for _, entry in ipairs(entries) do
    reply[#reply + 1] = entry[2][ID]
    reply[#reply + 1] = entry[2][WAITER]
  end
  if #entries < step then
    if #reply > 1 then
      settle()
    end
    return reply
  end
until #reply > 2 * manyEntries or removed > manyBytes
reply[1] = 1
return reply
