-- Begins every script that keeps pushes in a stream.

-- Unix milliseconds by the clock of Redis, which all nodes share.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Keys outlive what they hold by this, so that what has expired can still be told; they are prolonged in steps of as much
-- again, so not with every push.
local slack = 6 * 3600 * 1000

-- Whether `offset` was given after `other`.
local function isBehind(offset, other)
  local time, number = string.match(offset, '^(%d+)%-(%d+)$')
  local otherTime, otherNumber = string.match(other, '^(%d+)%-(%d+)$')
  time, otherTime = tonumber(time), tonumber(otherTime)
  return time > otherTime or time == otherTime and tonumber(number) > tonumber(otherNumber)
end

-- Adds an entry behind `last`. A stream sees to it itself, unless it is another one by now and the clock has stepped back.
-- Times have 13 digits until the year 2286 (45 is the hyphen), so mostly a comparison of text is enough.
local function append(stream, last, ...)
  local offset = redis.call('XADD', stream, '*', ...)
  if not last or string.byte(last, 14) == 45 and string.sub(offset, 1, 13) > string.sub(last, 1, 13)
    or isBehind(offset, last) then
    return offset
  end
  redis.call('XDEL', stream, offset)
  local time, number = string.match(last, '^(%d+)%-(%d+)$')
  return redis.call('XADD', stream, string.format('%s-%.0f', time, number + 1), ...)
end
