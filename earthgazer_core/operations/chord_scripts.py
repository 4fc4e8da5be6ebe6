"""What has to happen to a chord's keys in one step, as scripts that Redis runs.

Celery 5.7 keeps, per group: ``.s`` the size, ``.t`` its later growth, ``.j`` the parts that came back
(a sorted set, or a list where order is off), ``.d`` who has given one, ``.c`` the lease of whoever
concludes the chord (``done`` afterwards). A chord that failed has lost ``.s``, because a late copy of
a member must not fail it again. Before 5.7 there is neither ``.d`` nor ``.c``, and ``.s`` stays.
"""

SETTLE = """
local c, s, t, d, j, g = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local expiry, total, ordered = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local token, layout = ARGV[4], ARGV[5]
local lease = redis.call('GET', c)
if lease == 'done' then return {'done', 0, 0} end
if lease and redis.call('EXISTS', s) == 1 then return {'busy', 0, 0} end

local at = 6
local function list()
    local items, count = {}, tonumber(ARGV[at])
    for i = 1, count do items[i] = ARGV[at + i] end
    at = at + count + 1
    return items
end
local givers, added, failed, parts = list(), list(), list(), list()

local function put(key, value)
    if expiry > 0 then redis.call('SET', key, value, 'EX', expiry) else redis.call('SET', key, value) end
end

if redis.call('EXISTS', s) == 0 and total < 0 then return {'gone', 0, 0} end
redis.call('DEL', c)

local is_given = {}
for _, id in ipairs(givers) do is_given[id] = true end
local is_added = {}
for _, id in ipairs(added) do is_added[id] = true end
for _, member in ipairs(redis.call('SMEMBERS', d)) do
    local id = string.match(member, '^(.*):[^:]*$')
    if is_given[id] or is_added[id] then
        redis.call('SREM', d, member)
        if is_added[id] and tonumber(redis.call('GET', t) or 0) > 0 then redis.call('DECR', t) end
    end
end
if redis.call('EXISTS', s) == 0 then put(s, total - tonumber(redis.call('GET', t) or 0)) end
local kind = redis.call('TYPE', j).ok
for _, raw in ipairs(failed) do
    if kind == 'list' then redis.call('LREM', j, 0, raw) else redis.call('ZREM', j, raw) end
end

if kind == 'list' then ordered = false elseif kind == 'zset' then ordered = true end
for i = 1, #parts, 3 do
    if redis.call('SISMEMBER', d, parts[i]) == 0 then
        local raw = parts[i + 2]
        if ordered then redis.call('ZADD', j, parts[i + 1], raw) else redis.call('RPUSH', j, raw) end
        redis.call('SADD', d, parts[i])
    end
end
if layout ~= '' and redis.call('EXISTS', g) == 0 then put(g, layout) end
if expiry > 0 then
    for _, key in ipairs({s, t, d, j}) do redis.call('EXPIRE', key, expiry) end
end

local back
if ordered then back = redis.call('ZCARD', j) else back = redis.call('LLEN', j) end
local wanted = tonumber(redis.call('GET', s)) + tonumber(redis.call('GET', t) or 0)
if token ~= '' and back == wanted then redis.call('SET', c, token, 'EX', 60) end
return {'settled', back, wanted}
"""
"""Make a chord wait for what is missing, with everything else in it.

Arguments: expiry, parts it waits for from now on (-1 not known), whether order is kept, a token that claims
its body where nothing is missing, the header's shape; then four lists, each after its length: ids whose
parts are taken out, ids of members that are taken out with them, raw parts that are taken out, and
(giver, score, part) of those put in. Settling a settled chord changes nothing.
"""

CONCLUDE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1
"""
"""Note that a claimed chord's body is on its way; a late copy of a member is then of no effect."""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
"""Give a claim back."""
