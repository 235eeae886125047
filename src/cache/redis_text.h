#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "store/counter_store.h"

/// How totals stand in Redis, both ways. Pure.
///
///     PREFIXviews:cats   hash:   1:7 ─► 00000000000000000000 0000000070000 42 42 0     generation:partition of a
///     shard, and
///                                       epoch, applied, total, events, flags
///                                t   ─► what the log had at this time is in it, ms since 1970; only a whole entry
///                                       has it
///                                n   ─► there is no shard
///                                l   ─► a reader has asked the store for it; the name of the lease
///
/// Epoch and applied stand first and have a fixed width, so that a script compares them as text: newer is larger.
namespace quipu {

/// The bytes of a value that say how new it is.
inline constexpr std::size_t kRedisVersionBytes = 34;

std::string redis_key(std::string_view prefix, std::string_view space, std::string_view counter);
std::string redis_field(ShardId shard);
std::string redis_value(const Row& row);

/// A hash as Redis answers it: field, value, field, value.
struct RedisEntry {
  enum class State : std::uint8_t {
    kNone,     ///< There is nothing, or a lease alone.
    kAbsent,   ///< The store had no row.
    kWhole,    ///< `shards` are all there are.
    kDamaged,  ///< It holds what nothing here writes.
  };
  State state = State::kNone;
  std::vector<std::pair<ShardId, Row>> shards;
  TimeMs as_of = 0;
};
RedisEntry read_redis_entry(const std::vector<std::string_view>& hash);

/// Appends a command in the form that Redis reads: an array of bulk strings.
class RedisCommand {
 public:
  explicit RedisCommand(std::size_t words);
  RedisCommand& operator<<(std::string_view word);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace quipu
