-- Track a new message each time, in the conversations of IDS in turn; RUN keeps the platform's ids of two runs apart.
require "result"
local ids = require "ids"
local headers = { ["Content-Type"] = "application/json", ["X-Tenant-ID"] = "bench" }
local run, i = os.getenv("RUN"), 0
function request()
  i = i + 1
  local body = string.format('{"metaMessageId":"wamid.%s.%d","conversationId":"%s","tenantId":"bench","direction":"inbound","status":"sent","messageType":"text"}',
    run, i, ids[i % #ids + 1])
  return wrk.format("POST", "/state/message", headers, body)
end
