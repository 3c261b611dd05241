-- Reads a mailbox from an offset on and removes what has expired.
-- KEYS: the mailbox, its index. ARGV: the first offset, most pushes, most bytes of payload beyond the first push.
-- Returns {1 when there is more or 0, the offset behind which it may be, {expired pushes},
--   {offset, previous offset, message, ... of each push}}.
local now, mostPushes, mostBytes = clock(), tonumber(ARGV[2]), tonumber(ARGV[3])
local reply = {0, ARGV[1], {}, {}}
local expired, mail = reply[3], reply[4]
local start, looked, bytes, removed = ARGV[1], 0, 0, 0
repeat
  local entries = redis.call('XRANGE', mailbox, start, '+', 'COUNT', step)
  local late = {}
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    if tonumber(fields[EXPIRES]) <= now then
      late[#late + 1] = entry
      expired[#expired + 1] = told(fields)
    elseif #mail > 0 and (#mail >= 3 * mostPushes or bytes + fields[BYTES] > mostBytes) then
      reply[1] = 1
      break
    else
      mail[#mail + 1] = entry[1]
      mail[#mail + 1] = fields[PREVIOUS]
      mail[#mail + 1] = fields[MESSAGE]
      bytes = bytes + fields[BYTES]
    end
    reply[2] = entry[1]
    start = '(' .. entry[1]
    looked = looked + 1
  end
  if #late > 0 then
    removed = removed + remove(late)
  end
  if reply[1] == 1 or #entries < step then
    break
  end
  if looked >= manyEntries or removed > manyBytes then
    reply[1] = 1
  end
until reply[1] == 1
if #expired > 0 then
  settle()
end
return reply
