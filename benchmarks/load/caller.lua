-- Who calls: whoever has the API key KEY, else a neighbour that names its tenant.
local key = os.getenv("KEY")
if key then return { ["Authorization"] = "Bearer " .. key } end
return { ["X-Tenant-ID"] = "bench" }
