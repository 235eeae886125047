#include "cache/redis_text.h"

#include <algorithm>
#include <charconv>

namespace quipu {
namespace {

constexpr std::size_t kEpochDigits = 20;
constexpr std::size_t kAppliedDigits = 13;  // An offset has at most 40 bits.
static_assert(kRedisVersionBytes == kEpochDigits + 1 + kAppliedDigits);

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

/// Takes a number up to `end`, and what ends it; nullopt where there is none.
template <class T>
std::optional<T> take(std::string_view& text, char end) {
  T number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  if (end == '\0') return text.empty() ? std::optional(number) : std::nullopt;
  if (!text.starts_with(end)) return std::nullopt;
  text.remove_prefix(1);
  return number;
}

std::optional<ShardId> read_field(std::string_view text) {
  const auto generation = take<std::uint32_t>(text, ':');
  const auto partition = take<std::uint16_t>(text, '\0');
  if (!generation || !partition || *generation > kGenerationMax || *partition > kPartitionsMax) return std::nullopt;
  return ShardId{Generation{*generation}, PartitionId{*partition}};
}

std::optional<Row> read_value(std::string_view text) {
  if (text.size() < kRedisVersionBytes || text[kEpochDigits] != ' ') return std::nullopt;
  const auto epoch = take<std::uint64_t>(text, ' ');
  const auto applied = take<std::uint64_t>(text, ' ');
  const auto total = take<std::int64_t>(text, ' ');
  const auto events = take<std::uint64_t>(text, ' ');
  const auto flags = take<std::uint8_t>(text, '\0');
  if (!epoch || !applied || !total || !events || !flags || *applied > kOffsetMax || *flags > kRowSaturated) {
    return std::nullopt;
  }
  return Row{*total, *events, Epoch{*epoch}, Offset{*applied}, *flags};
}

}  // namespace

std::string redis_key(std::string_view prefix, std::string_view space, std::string_view counter) {
  // No namespace has a colon in its name, so no two counters share a key.
  std::string key(prefix);
  key.append(space).push_back(':');
  return key.append(counter);
}

std::string redis_field(ShardId shard) {
  return std::to_string(shard.generation.value) + ":" + std::to_string(shard.partition.value);
}

std::string redis_value(const Row& row) {
  return padded(row.epoch.value, kEpochDigits) + " " + padded(row.applied.value, kAppliedDigits) + " " +
         std::to_string(row.total) + " " + std::to_string(row.events) + " " + std::to_string(row.flags);
}

RedisEntry read_redis_entry(const std::vector<std::string_view>& hash) {
  RedisEntry entry;
  bool whole = false;
  bool none = false;
  for (std::size_t at = 0; at + 1 < hash.size(); at += 2) {
    auto value = hash[at + 1];
    if (hash[at] == "l") continue;
    if (hash[at] == "n") {
      none = true;
      continue;
    }
    if (hash[at] == "t") {
      const auto as_of = take<std::int64_t>(value, '\0');
      if (!as_of) return {RedisEntry::State::kDamaged, {}, 0};
      entry.as_of = *as_of;
      whole = true;
      continue;
    }
    const auto shard = read_field(hash[at]);
    const auto row = read_value(value);
    if (!shard || !row) return {RedisEntry::State::kDamaged, {}, 0};
    entry.shards.emplace_back(*shard, *row);
  }
  if (!whole) return {};
  if (none != entry.shards.empty()) return {RedisEntry::State::kDamaged, {}, 0};
  entry.state = none ? RedisEntry::State::kAbsent : RedisEntry::State::kWhole;
  std::sort(entry.shards.begin(), entry.shards.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return entry;
}

RedisCommand::RedisCommand(std::size_t words) : text_("*" + std::to_string(words) + "\r\n") {}

RedisCommand& RedisCommand::operator<<(std::string_view word) {
  text_.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  return *this;
}

}  // namespace quipu
