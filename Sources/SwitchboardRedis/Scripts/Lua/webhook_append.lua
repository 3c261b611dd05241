-- Adds an event.
-- KEYS: as always, the event's lane, and the message id's key when it has one.
-- ARGV: lane, event, '1' when it may be refused or '0', most events and bytes, most events and bytes given up,
--   seconds to remember the id.
-- Returns 1; 0 when it was given up; -1 when it was refused; 2 when the message id is known.
if KEYS[9] and redis.call('EXISTS', KEYS[9]) == 1 then
  return 2
end
local outcome = append(ARGV[1], KEYS[8], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]),
  tonumber(ARGV[7]))
-- One that is refused may come again.
if KEYS[9] and outcome >= 0 then
  redis.call('SET', KEYS[9], '', 'EX', ARGV[8])
end
return outcome
