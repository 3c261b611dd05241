-- Ends what `announce.lua` has begun.
-- Returns {what the script returns, channel, message, channel, message ...}.
return {script(), unpack(announced)}
