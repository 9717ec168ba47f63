-- Look up the conversations of the 10,000 known customers in turn.
require "result"
local ids = require "ids"
local headers = require "caller"
local i = 0
function request()
  i = i + 1
  return wrk.format("GET", "/state/conversation/" .. ids[i % #ids + 1], headers)
end
