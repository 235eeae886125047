#pragma once

namespace quipu {

/// The scripts by which the cache changes a hash (cache/redis_text.h has its fields). Each runs alone in Redis, so what
/// it looks at is what it changes. A key that holds another type counts as nothing.

/// KEYS: counters that were not found, or held damage. ARGV: a name for the lease, its time in ms, then for each key 1
/// where what is there is to be thrown away. Answers for each key the name of the lease that holds: that of an earlier
/// reader may be there.
///
/// From now on updates are kept in the hash, so a reader who asks the store after this misses none of them.
inline constexpr const char* kRedisLease = R"(
local leases = {}
for i = 1, #KEYS do
  if ARGV[i + 2] == '1' then redis.call('DEL', KEYS[i]) end
  local held = redis.pcall('HGET', KEYS[i], 'l')
  if type(held) == 'table' then
    redis.call('DEL', KEYS[i])
    held = false
  end
  if not held then
    held = ARGV[1]
    redis.call('HSET', KEYS[i], 'l', held)
    if redis.call('HEXISTS', KEYS[i], 't') == 0 then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
  end
  leases[i] = held
end
return leases)";

/// KEYS: one counter. ARGV: the lease under which the store was asked, what time it was as of, the time to live of a
/// total and of an absence in ms, then field and value of each shard. Answers 1; 0 where the lease is gone: updates may
/// have been missed since, so what was read could be older than what was shown already.
inline constexpr const char* kRedisFill = R"(
local kept = redis.pcall('HMGET', KEYS[1], 'l', 't')
if kept.err then return 0 end
if not kept[2] and (not kept[1] or kept[1] ~= ARGV[1]) then return 0 end
for i = 5, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  if not old or string.sub(old, 1, 34) < string.sub(ARGV[i + 1], 1, 34) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
local as_of = ARGV[2]
if kept[2] and (tonumber(kept[2]) or 0) > tonumber(as_of) then as_of = kept[2] end
redis.call('HDEL', KEYS[1], 'l', 'n', 't')
local ttl = ARGV[3]
if redis.call('HLEN', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'n', '1')
  ttl = ARGV[4]
end
redis.call('HSET', KEYS[1], 't', as_of)
redis.call('PEXPIRE', KEYS[1], ttl)
return 1)";

/// KEYS: the counter of each row; ARGV: field and value of each. Answers how many rows met another type. It leaves `t`
/// as it is: an update of another shard may have been dropped.
inline constexpr const char* kRedisUpdate = R"(
local wrong = 0
for i = 1, #KEYS do
  local field, value = ARGV[2 * i - 1], ARGV[2 * i]
  local kept = redis.pcall('HMGET', KEYS[i], field, 't', 'l', 'n')
  if kept.err then
    wrong = wrong + 1
  elseif (kept[2] or kept[3]) and (not kept[1] or string.sub(kept[1], 1, 34) < string.sub(value, 1, 34)) then
    redis.call('HSET', KEYS[i], field, value)
    if kept[4] then redis.call('HDEL', KEYS[i], 'n') end
  end
end
return wrong)";

}  // namespace quipu
