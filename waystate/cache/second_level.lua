-- The keys of one call are one tenant's, and so in one slot of a Cluster. `KEYS[1]` is the tenant's stamp, "count:floor": the
-- count rises with every invalidation, and what was read below the floor is void. It begins at the time in microseconds, so
-- that it never falls behind what a reader holds, not even after a flush.
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

local function text(number)
    return string.format('%.0f', number)
end

local function stamp()
    local count, floor = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')
    if count then
        return tonumber(count), tonumber(floor)
    end
end

local function set_stamp(count, floor)
    redis.call('SET', KEYS[1], text(count) .. ':' .. text(floor), 'EX', 86400)
end

local calls = {}

-- A reader that found no stamp, of a new tenant or after a flush, makes one before it reads.
function calls.begin()
    local count = stamp()
    if not count then
        count = now()
        set_stamp(count, count)
    end
    return text(count)
end

-- ARGV: stamp of the reader, seconds of a pointer, seconds of a contact; then for each entry field, item, version, pointer,
-- value. KEYS: stamp; then for each entry its pointer and its contact. What was invalidated since the read is not filled,
-- and of one item only a version that is not lower.
function calls.fill()
    local count, floor = stamp()
    local read_at = tonumber(ARGV[1])
    if not count or read_at < floor or read_at > count then
        return 0
    end
    local filled = 0
    for i = 2, #KEYS, 2 do
        local pointer, contact = KEYS[i], KEYS[i + 1]
        local at = 4 + (i - 2) / 2 * 5
        local field, item, version = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
        local gone, known = unpack(redis.call('HMGET', contact, 'gone', field))
        local known_item, known_version = string.match(known or '', '^([^:]*):(%d+):')
        local is_newer = known_item ~= item or tonumber(known_version) <= version
        if tonumber(gone or '0') <= read_at and is_newer then
            redis.call('HSET', contact, field, ARGV[at + 4])
            redis.call('EXPIRE', contact, ARGV[3])
            redis.call('SET', pointer, ARGV[at + 3], 'EX', ARGV[2])
            filled = filled + 1
        end
    end
    return filled
end

-- ARGV: seconds for which the mark stays. KEYS: stamp, contacts.
function calls.forget()
    local count, floor = stamp()
    if not count then
        count = now()
        floor = count
    end
    count = count + 1
    set_stamp(count, floor)
    for i = 2, #KEYS do
        redis.call('DEL', KEYS[i])
        redis.call('HSET', KEYS[i], 'gone', text(count))
        redis.call('EXPIRE', KEYS[i], ARGV[1])
    end
    return #KEYS - 1
end

-- Everything of the tenant is void.
function calls.clear()
    local count = stamp() or now()
    set_stamp(count + 1, count + 1)
    return 1
end

