-- Keeps a push in a mailbox and sends it to the node that owns the client.
-- KEYS: the mailbox, its index, presence of the client.
-- ARGV: head of the nodes' channel names, the shared channel when messages go over that or '', message, id, expiry,
--   bytes of payload, waiter, collapse key or '', most pushes, most bytes, overflow policy,
--   '1' when the expired entries are removed already or '0'.
-- Returns {offset, previous offset, nodes reached, id of the collapsed push or '', pushes and bytes that wait now,
--   ids of the displaced ...};
--   {pushes, bytes} when it does not fit; {} when entries that have expired are in its way.
local message, id, expires, bytes = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local waiter, collapse = ARGV[7], ARGV[8]
local mostPushes, mostBytes = tonumber(ARGV[9]), tonumber(ARGV[10])

local known = redis.call('HMGET', index, 'last', 'bytes', 'latest', 'mixed', 'ends', 'collapse:' .. collapse)
local last, latest, isMixed = known[1], tonumber(known[3] or 0), known[4] == '1'
local pushes = redis.call('XLEN', mailbox)
local held = pushes > 0 and tonumber(known[2] or 0) or 0
if pushes == 0 then
  latest, isMixed = 0, false
end
local collapsed = known[6] and redis.call('XRANGE', mailbox, known[6], known[6])[1]

if collapsed and ARGV[12] == '0' and tonumber(collapsed[2][EXPIRES]) <= clock() then
  return {}
end

local pushesAfter, bytesAfter = pushes + 1, held + bytes
if collapsed then
  pushesAfter, bytesAfter = pushes, bytesAfter - collapsed[2][BYTES]
end
local function fits()
  return (mostPushes == 0 or pushesAfter <= mostPushes) and (mostBytes == 0 or bytesAfter <= mostBytes)
end
if not fits() then
  local isHopeless = mostBytes > 0 and bytes > mostBytes
  if not isHopeless and ARGV[12] == '0' then
    local oldest = redis.call('XRANGE', mailbox, '-', '+', 'COUNT', 1)[1]
    if isMixed or tonumber(oldest[2][EXPIRES]) <= clock() then
      return {}
    end
  end
  if isHopeless or ARGV[11] == 'refuse' then
    return {pushes, held}
  end
end

local previous = last or '0-0'
-- The first write: what Redis refuses for want of memory is refused before anything has changed.
local offset = append(mailbox, pushes == 0 and last, 'id', id, 'previous', previous, 'expires', ARGV[5], 'bytes', ARGV[6],
  'waiter', waiter, 'collapse', collapse, 'message', message)
local ends = known[5]
local isProlonged = not ends or expires + slack > tonumber(ends)
if isProlonged then
  ends = string.format('%.0f', expires + 2 * slack)
end
-- Texts, where there are any: to spell a number costs Redis more than to keep it.
redis.call('HSET', index, 'last', offset, 'bytes', held + bytes, 'latest', expires < latest and known[3] or ARGV[5],
  'mixed', (isMixed or expires < latest - tolerance) and '1' or '0', 'ends', ends)
if isProlonged then
  redis.call('PEXPIREAT', mailbox, ends)
  redis.call('PEXPIREAT', index, ends)
end
local reply = {offset, previous, 0, '', 0, 0}
if collapse ~= '' then
  redis.call('HSET', index, 'collapse:' .. collapse, offset)
  if collapsed then
    remove({collapsed})
    reply[4] = collapsed[2][ID]
  end
end
while not fits() do
  local displaced = {}
  local count = math.max(1, math.min(step, pushesAfter - mostPushes))
  for _, entry in ipairs(redis.call('XRANGE', mailbox, '-', '+', 'COUNT', count)) do
    if fits() or entry[1] == offset then
      break
    end
    displaced[#displaced + 1] = entry
    reply[#reply + 1] = entry[2][ID]
    pushesAfter, bytesAfter = pushesAfter - 1, bytesAfter - entry[2][BYTES]
  end
  if #displaced == 0 then
    break
  end
  remove(displaced)
end
reply[5], reply[6] = pushesAfter, bytesAfter

local function news()
  return '{"offset":"' .. offset .. '","previous":"' .. previous .. '",' .. string.sub(message, 2)
end
if ARGV[2] ~= '' then
  reply[3] = redis.call('PUBLISH', ARGV[2], news())
else
  local presence = redis.call('HMGET', KEYS[3], 'node', 'disconnectedAt')
  if presence[1] and not presence[2] then
    -- Whoever else listens on the node's channel is counted too, but only the node answers.
    reply[3] = math.min(1, redis.call('PUBLISH', ARGV[1] .. presence[1] .. '}', news()))
  end
end
return reply
