-- Says what became of claimed events.
-- KEYS: as always, all lanes.
-- ARGV: token, trouble or '', '1' when the request was refused or '0', milliseconds of the pause,
--   most events and bytes given up, failures in a row before the claim, when it was made (Unix milliseconds),
--   then of each event: id, lane, 'ok', 'dead' or the milliseconds until it is tried again.
-- Returns the number of events that were there.
local token, trouble, isRefusal, now, found = ARGV[1], ARGV[2], ARGV[3] == '1', clock(), 0
for i = 9, #ARGV, 3 do
  local id, lane, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local entry = redis.call('XRANGE', queue, id, id)[1]
  if entry then
    found = found + 1
    local event = entry[2][4]
    local attempts, refusals = string.match(redis.call('HGET', tries, id) or '0 0', '^(%d+) (%d+)$')
    if outcome == 'ok' or outcome == 'dead' then
      if outcome == 'dead' then
        bury(lane, string.match(id, '^%d+'), attempts + 1, trouble, event, tonumber(ARGV[5]), tonumber(ARGV[6]))
      else
        redis.call('HINCRBY', state, 'delivered', 1)
      end
      redis.call('XDEL', queue, id)
      redis.call('ZREM', KEYS[8 + lane], id)
      redis.call('HDEL', tries, id)
      redis.call('HINCRBY', state, 'bytes', -#event)
    else
      redis.call('HSET', tries, id, string.format('%.0f %.0f', attempts + 1, refusals + (isRefusal and 1 or 0)))
      redis.call('ZADD', KEYS[8 + lane], string.format('%.0f', now + outcome), id)
    end
  end
end
local leased = redis.call('HGETALL', leases)
for i = 1, #leased, 2 do
  if string.match(leased[i + 1], '^%d+ (.*)$') == token then
    redis.call('HDEL', leases, leased[i])
  end
end
if trouble == '' then
  redis.call('HDEL', state, 'failures')
  -- What was asked for since the claim is still to be obeyed.
  if tonumber(redis.call('HGET', state, 'troubleAt') or 0) <= tonumber(ARGV[8]) then
    redis.call('HDEL', state, 'paused')
  end
else
  -- Requests that were under way together fail as one.
  local failures = tonumber(redis.call('HGET', state, 'failures') or 0)
  redis.call('HSET', state, 'failures', string.format('%.0f', math.max(failures, math.min(failures, tonumber(ARGV[7])) + 1)))
  redis.call('HSET', state, 'trouble', trouble, 'troubleAt', string.format('%.0f', now))
  if tonumber(ARGV[4]) > 0 then
    redis.call('HSET', state, 'paused', string.format('%.0f', now + ARGV[4]))
  end
end
return found
