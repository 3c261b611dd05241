-- Begins the scripts of roll-outs.
-- The state is a hash: creation, definition, listed (the definition without what may be long), isOpen, phase, started,
--   succeeded, failed, held, end, reason, endedAt, term, leader, run, leaseEnd. Times are Unix milliseconds.
local state = KEYS[1]

-- Unix milliseconds by the clock of Redis, which all nodes share.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end
