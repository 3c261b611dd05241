-- Takes events that are due, for one request.
-- KEYS: as always, all lanes.
-- ARGV: token, milliseconds of the lease, most events, most bytes, most requests under way, milliseconds of patience,
--   most events and bytes given up.
-- Returns {now, failures, {id, lane, event, attempts, refusals, ...}}.
local token, most, mostBytes = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now, failures, lanes = clock(), number('failures'), #KEYS - 7

local held, requests, underway = {}, {}, 0
local leased = redis.call('HGETALL', leases)
for i = 1, #leased, 2 do
  local ends, holder = string.match(leased[i + 1], '^(%d+) (.*)$')
  if tonumber(ends) <= now then
    redis.call('HDEL', leases, leased[i])
  else
    held[tonumber(leased[i])] = true
    if not requests[holder] then
      requests[holder] = true
      underway = underway + 1
    end
  end
end

local function tried(id)
  return string.match(redis.call('HGET', tries, id) or '0 0', '^(%d+) (%d+)$')
end

if failures > 0 then
  -- What is under way is settled by its worker.
  local reason, patience = redis.call('HGET', state, 'trouble') or '', tonumber(ARGV[6])
  for _, entry in ipairs(redis.call('XRANGE', queue, '-', string.format('%.0f', now - patience), 'COUNT', 500)) do
    local lane, event = entry[2][2], entry[2][4]
    if not held[tonumber(lane)] then
      bury(lane, string.match(entry[1], '^%d+'), tried(entry[1]), reason, event, tonumber(ARGV[7]), tonumber(ARGV[8]))
      redis.call('XDEL', queue, entry[1])
      redis.call('ZREM', KEYS[8 + lane], entry[1])
      redis.call('HDEL', tries, entry[1])
      redis.call('HINCRBY', state, 'bytes', -#event)
    end
  end
end

local reply = {}
-- While nothing can be delivered one request at a time shows when that has changed.
if number('paused') > now or underway >= (failures > 0 and 1 or tonumber(ARGV[5])) then
  return {now, failures, reply}
end
local count, bytes, company = 0, 0, most
local firstRefusals
local lease = string.format('%.0f %s', now + ARGV[2], token)

-- Returns false when the claim is full.
local function take(lane)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8 + lane], '-inf', string.format('%.3f', now + 0.999), 'LIMIT', 0, most)) do
    local entry = redis.call('XRANGE', queue, id, id)[1]
    if entry then
      local event, attempts, refusals = entry[2][4], tried(id)
      refusals = tonumber(refusals)
      if count == 0 then
        firstRefusals = refusals
        company = refusals == 0 and most or math.min(most, refusals == 1 and 10 or 1)
      elseif count >= company or bytes + #event > mostBytes or refusals > firstRefusals then
        return false
      end
      local place = #reply
      reply[place + 1], reply[place + 2], reply[place + 3] = id, lane, event
      reply[place + 4], reply[place + 5] = tonumber(attempts), refusals
      count, bytes = count + 1, bytes + #event
      if not held[lane] then
        held[lane] = true
        redis.call('HSET', leases, lane, lease)
      end
    else
      redis.call('ZREM', KEYS[8 + lane], id)
    end
  end
  return count < company
end

local turn = redis.call('HINCRBY', state, 'turn', 1)
for step = 0, lanes - 1 do
  local lane = (turn + step) % lanes
  if not held[lane] and not take(lane) then
    break
  end
end
return {now, failures, reply}
