-- Pauses, resumes or aborts a roll-out.
-- KEYS: its state. ARGV: 'pause', 'resume' or 'abort', the reason.
-- Returns 1, 0 when it was so already, -1 when it has ended, -2 when there is none.
if redis.call('HEXISTS', state, 'isOpen') == 0 then
  return -2
end
if redis.call('HEXISTS', state, 'end') == 1 then
  return -1
end
if ARGV[1] == 'abort' then
  redis.call('HSET', state, 'end', 'aborted', 'reason', ARGV[2], 'endedAt', text(clock()))
  return 1
end
local held = ARGV[1] == 'pause' and '1' or '0'
if redis.call('HGET', state, 'held') == held then
  return 0
end
redis.call('HSET', state, 'held', held)
return 1
