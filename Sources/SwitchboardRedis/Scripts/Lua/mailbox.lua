-- Goes on in every script of a mailbox.
-- KEYS: the mailbox, its index, then what the script says.
-- An entry's fields, always these: id, previous, expires, bytes, waiter, collapse, message.
-- The index: last (the newest offset ever given), bytes (of payload in all), latest (the last expiry),
--   mixed ('1' when the entries are not in the order of their expiry, give or take the tolerance), ends (when both keys expire),
--   collapse:KEY (the offset of the entry with this key).
local mailbox, index = KEYS[1], KEYS[2]
local ID, PREVIOUS, EXPIRES, BYTES, WAITER, COLLAPSE, MESSAGE = 2, 4, 6, 8, 10, 12, 14

-- Nodes do not agree on the time to the millisecond, and so not on when equal lifetimes end.
local tolerance = 5000
-- Entries are read so many at a time: each is read whole, with its payload.
local step = 20
-- A script stops after so many entries or bytes and is called again, since Redis does nothing else meanwhile.
local manyEntries, manyBytes = 1000, 1024 * 1024

-- Removes entries; returns the bytes of their payloads. Removing comes before writing, which Redis refuses when it is full.
local function remove(entries)
  local offsets, bytes = {}, 0
  for i, entry in ipairs(entries) do
    offsets[i] = entry[1]
    bytes = bytes + entry[2][BYTES]
    local collapse = entry[2][COLLAPSE]
    if collapse ~= '' and redis.call('HGET', index, 'collapse:' .. collapse) == entry[1] then
      redis.call('HDEL', index, 'collapse:' .. collapse)
    end
  end
  redis.call('XDEL', mailbox, unpack(offsets))
  if bytes > 0 then
    redis.call('HINCRBY', index, 'bytes', -bytes)
  end
  return bytes
end

-- How an expired push is told of: its id, and behind a space its trace when it has one. The message's first line is its header.
local function told(fields)
  local trace = string.match(string.match(fields[MESSAGE], '^[^\n]*'), '"traceparent":"([%x%-]+)"')
  return trace and fields[ID] .. ' ' .. trace or fields[ID]
end

-- An empty mailbox is kept for some hours, so that its offsets go on rising; one whose pushes could have waited for long is
-- not kept for as long.
local function settle()
  if redis.call('PTTL', index) > 6 * slack and redis.call('XLEN', mailbox) == 0 then
    redis.call('PEXPIRE', mailbox, 2 * slack)
    redis.call('PEXPIRE', index, 2 * slack)
    redis.call('HSET', index, 'ends', clock() + 2 * slack)
  end
end
