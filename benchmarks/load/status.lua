-- Every message of IDS becomes delivered, then every one becomes read; `exhausted` says that a third round had to begin.
require "result"
local ids = require "ids"
local headers = { ["Content-Type"] = "application/json", ["X-Tenant-ID"] = "bench" }
local bodies = { '{"status":"delivered"}', '{"status":"read"}' }
local i = 0
exhausted = 0
function request()
  local round = math.floor(i / #ids) + 1
  local id = ids[i % #ids + 1]
  i = i + 1
  if round > 2 then exhausted = 1 end
  return wrk.format("PATCH", "/state/message/" .. id, headers, bodies[round] or bodies[2])
end
