-- Begins, in a Redis Cluster, every script that publishes to channels of other slots; the script itself is a function behind this.
-- What is to be published is collected for the link to do.
local announced = {}
local function announce(channel, message)
  announced[#announced + 1] = channel
  announced[#announced + 1] = message
  return 0
end
