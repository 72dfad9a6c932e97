"""What Redis does by itself, each as one step that nobody gets in between: reserve, settle, count.

All keys of one employer lie in one slot (``{…}``). ``n`` is a hash of numbers by kind and month, ``h:`` HyperLogLogs of
hashed keys by kind and month, ``r`` a hash of what is reserved, ``d:`` marks settlements that were made, so that one
that is sent again counts once. Times are Redis's own: gateways need not agree on the hour to the millisecond.
"""

from __future__ import annotations

from typing import Final

# The standard error of Redis's HyperLogLog is 0.81 %; three times that is added. A few are exact.
_COMMON: Final = """
local prefix = KEYS[1]
local asked = cjson.decode(ARGV[1])
local function subjects(kind, first, last)
  local found, keys = 0, {}
  for month = first, last do
    found = found + tonumber(redis.call('HGET', prefix .. ':n', kind .. '|' .. month .. '|u') or 0)
    keys[#keys + 1] = prefix .. ':h:' .. kind .. ':' .. month
  end
  local keyed = redis.call('PFCOUNT', unpack(keys))
  return found + keyed + math.ceil(math.max(0, keyed * 0.0243 - 0.3))
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

RESERVE: Final = (
    _COMMON
    + """
local held = {}
local all = redis.call('HGETALL', prefix .. ':r')
for i = 1, #all, 2 do
  local one = cjson.decode(all[i + 1])
  if one.ends <= now then
    redis.call('HDEL', prefix .. ':r', all[i])
  else
    for kind, count in pairs(one.amounts) do held[kind] = (held[kind] or 0) + count end
  end
end
local rows = -1
for _, bound in ipairs(asked.bounds) do
  local counted, taken = 0, 0
  for _, kind in ipairs(bound.kinds) do
    counted = counted + subjects(kind, bound.first, asked.month)
    taken = taken + (held[kind] or 0)
  end
  local free = bound.most - counted - taken - bound.once
  local given = -1
  if bound.per_row > 0 then
    given = math.floor(math.max(0, free) / bound.per_row)
    if asked.last >= 0 and asked.last <= given then
      given = asked.last
    elseif given >= 64 then
      local unit = 1
      while given / unit >= 64 do unit = unit * 2 end
      given = math.floor(given / unit) * unit
    end
  end
  if free < 0 or given == 0 then return {0, bound.most, counted, taken} end
  if given > 0 and (rows < 0 or given < rows) then rows = given end
end
if asked.keep then
  local amounts = {}
  for kind, count in pairs(asked.per_row) do amounts[kind] = count * math.max(rows, 0) end
  for kind, count in pairs(asked.once) do amounts[kind] = (amounts[kind] or 0) + count end
  redis.call('HSET', prefix .. ':r', asked.id, cjson.encode({ends = now + asked.lasts, amounts = amounts}))
  redis.call('PEXPIRE', prefix .. ':r', asked.lasts * 10)
end
return {1, rows}
"""
)

SETTLE: Final = (
    _COMMON
    + """
for _, seen in ipairs(asked.values) do
  for _, kind in ipairs(seen.kinds) do
    local key = prefix .. ':h:' .. kind .. ':' .. asked.month
    redis.call('PFADD', key, unpack(seen.hashes))
    redis.call('PEXPIRE', key, asked.kept)
  end
end
if asked.id == '' then return 1 end
if redis.call('SET', prefix .. ':d:' .. asked.id, 1, 'NX', 'PX', asked.told) then
  for kind, add in pairs(asked.adds) do
    redis.call('HINCRBY', prefix .. ':n', kind .. '|' .. asked.month .. '|u', add[1])
    redis.call('HINCRBY', prefix .. ':n', kind .. '|' .. asked.month .. '|r', add[2])
    redis.call('PEXPIRE', prefix .. ':n', asked.kept)
  end
end
redis.call('HDEL', prefix .. ':r', asked.id)
return 1
"""
)

EXTEND: Final = (
    _COMMON
    + """
for _, id in ipairs(asked.ids) do
  local text = redis.call('HGET', prefix .. ':r', id)
  if text then
    local one = cjson.decode(text)
    one.ends = now + asked.lasts
    redis.call('HSET', prefix .. ':r', id, cjson.encode(one))
  end
end
redis.call('PEXPIRE', prefix .. ':r', asked.lasts * 10)
return 1
"""
)

COUNT: Final = (
    _COMMON
    + """
-- by Redis's own clock: a gateway whose clock is wrong must not make all forget
local forgotten = math.floor((1970 + now / 31556952000) * 12) - 14
local kinds = {}
for _, kind in ipairs(asked.kinds) do kinds[kind] = 0 end
local all = redis.call('HGETALL', prefix .. ':n')
for i = 1, #all, 2 do
  local kind, month, what = string.match(all[i], '^(.*)|(%d+)|(%a)$')
  month = tonumber(month)
  if month < forgotten then
    redis.call('HDEL', prefix .. ':n', all[i])
  elseif month >= asked.first then
    kinds[kind] = (kinds[kind] or 0) + (what == 'r' and tonumber(all[i + 1]) or 0)
  end
end
local found = {}
for kind, rows in pairs(kinds) do
  local year = subjects(kind, asked.year, asked.month)
  found[#found + 1] = {kind, subjects(kind, asked.first, asked.month), year, rows}
end
return found
"""
)
