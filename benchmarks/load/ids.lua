-- The ids that this run goes through, one a line in the file IDS.
local ids = {}
for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
return ids
