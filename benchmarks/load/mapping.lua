-- Look up 10,000 known customers in turn (the peer's own load).
require "result"
local headers = require "caller"
local i = 0
function request()
  i = i + 1
  return wrk.format("GET", "/state/mapping/919" .. string.format("%09d", i % 10000), headers)
end
