-- Begins every script of the webhooks.
-- KEYS: the queue, those given up, its state, what was tried, leases of lanes, live sessions, pending losses, then lanes.
-- An entry of the queue has these fields, always: lane, event. One that was given up: lane, added, attempts, reason, event.
-- The state: bytes, deadBytes, delivered, refused, forgotten, failures, paused, trouble, troubleAt, turn.
-- A lane is a zset of entries by the time at which they are due. What was tried: entry -> 'ATTEMPTS REFUSALS'.
-- A lease: lane -> 'END TOKEN'. A live session: client -> 'SESSION EPOCH CONNECTED NODE', and when it was lost behind it
--   ' AT CODE LOST REASON'.
local queue, dead, state, tries, leases, live, losses = unpack(KEYS, 1, 7)

-- Unix milliseconds by the clock of Redis, which all nodes share.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(field)
  return tonumber(redis.call('HGET', state, field) or 0)
end

-- Where a new entry stands in its lane: those of one millisecond keep their order.
local function rank(id)
  local time, sequence = string.match(id, '^(%d+)%-(%d+)$')
  return string.format('%.3f', time + math.min(sequence, 999) / 1000)
end

local function add(lane, key, event)
  local id = redis.call('XADD', queue, '*', 'lane', lane, 'event', event)
  redis.call('ZADD', key, rank(id), id)
  redis.call('HINCRBY', state, 'bytes', #event)
  return id
end

-- Keeps an event with those that were given up, and forgets the oldest when there are too many.
local function bury(lane, added, attempts, reason, event, most, mostBytes)
  redis.call('XADD', dead, '*', 'lane', lane, 'added', added, 'attempts', attempts, 'reason', reason, 'event', event)
  local bytes = redis.call('HINCRBY', state, 'deadBytes', #event)
  while bytes > mostBytes or redis.call('XLEN', dead) > most do
    local oldest = redis.call('XRANGE', dead, '-', '+', 'COUNT', 1)[1]
    if not oldest then
      break
    end
    redis.call('XDEL', dead, oldest[1])
    bytes = redis.call('HINCRBY', state, 'deadBytes', -#oldest[2][10])
    redis.call('HINCRBY', state, 'forgotten', 1)
  end
end

-- Adds an event unless the queue is full. An empty event adds nothing.
-- Returns 1, 0 when it was given up, -1 when it was refused.
local function append(lane, key, event, isRefusable, most, mostBytes, mostDead, mostDeadBytes)
  if event == '' then
    return 1
  end
  local isFull = most > 0 and redis.call('XLEN', queue) >= most or mostBytes > 0 and number('bytes') + #event > mostBytes
  if not isFull then
    add(lane, key, event)
    return 1
  end
  if isRefusable then
    redis.call('HINCRBY', state, 'refused', 1)
    return -1
  end
  bury(lane, string.format('%.0f', clock()), 0, 'the queue was full', event, mostDead, mostDeadBytes)
  return 0
end
