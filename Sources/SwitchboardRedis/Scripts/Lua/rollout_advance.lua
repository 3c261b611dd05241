-- Writes down what the leader of a roll-out has learnt and is about to do, unless it leads no more.
-- KEYS: its state, its outcomes (a hash: place -> outcome). ARGV: term, milliseconds of the lease, phase, started, succeeded,
--   failed, 'done', 'aborted' or '', the reason, then places and outcomes.
-- Returns 1, or 0 when no client may be begun, then '1' when it is paused or '0', and how it has ended or ''; {-1} when another
--   leads.
if redis.call('HGET', state, 'term') ~= ARGV[1] then
  return { -1 }
end
local held, ended = redis.call('HGET', state, 'held'), redis.call('HGET', state, 'end') or ''
local started, wanted = tonumber(redis.call('HGET', state, 'started')), tonumber(ARGV[4])
local mayBegin = held ~= '1' and ended == ''
redis.call('HSET', state, 'leaseEnd', text(clock() + ARGV[2]), 'phase', ARGV[3], 'succeeded', ARGV[5], 'failed', ARGV[6])
if mayBegin and wanted > started then
  redis.call('HSET', state, 'started', ARGV[4])
end
if #ARGV > 8 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 9))
end
if ended == '' and ARGV[7] ~= '' then
  ended = ARGV[7]
  redis.call('HSET', state, 'end', ended, 'reason', ARGV[8], 'endedAt', text(clock()))
end
return { (mayBegin or wanted <= started) and 1 or 0, held, ended }
