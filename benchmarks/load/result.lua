-- Shared by the loads: each run ends with one line that the benchmark reads. Times are microseconds.
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
  local e = summary.errors
  local exhausted = 0
  for _, thread in ipairs(threads) do exhausted = exhausted + (thread:get("exhausted") or 0) end
  io.write(string.format('RESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d,"exhausted":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.status,
    e.connect + e.read + e.write + e.timeout, exhausted))
end
