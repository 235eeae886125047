#include <string>
#include <utility>
#include <vector>

#include "cache/redis_text.h"
#include "fuzz/fuzz.h"

namespace quipu::fuzz {
namespace {

/// A hash of any bytes: what is taken for whole says what it was made of.
void check_read(Input& input) {
  std::vector<std::string_view> hash;
  while (!input.empty()) {
    static constexpr std::string_view kFields[] = {"t", "n", "l", "1:0", "1:1", "2:0"};
    const auto choice = input.below(2 * std::size(kFields));
    hash.push_back(choice < std::size(kFields) ? kFields[choice] : input.text(input.below(16)));
    hash.push_back(input.text(input.below(100)));
  }
  const auto entry = read_redis_entry(hash);
  using State = RedisEntry::State;
  require(entry.state == State::kWhole || entry.shards.empty(), "only a whole entry has shards");
  require(entry.state != State::kWhole || !entry.shards.empty(), "a whole entry has a shard");
  require(entry.shards.size() <= hash.size() / 2, "no more shards than fields");
}

void check_written(Input& input) {
  RedisEntry entry;
  while (!input.empty()) {
    const ShardId shard{Generation{static_cast<std::uint32_t>(1 + entry.shards.size())},
                        PartitionId{static_cast<std::uint16_t>(input.below(kPartitionsMax))}};
    const Row row{input.number<std::int64_t>(), input.number<std::uint64_t>(), Epoch{input.number<std::uint64_t>()},
                  Offset{input.number<std::uint64_t>() % (kOffsetMax + 1)},
                  static_cast<std::uint8_t>(input.flag() ? kRowSaturated : 0)};
    entry.shards.emplace_back(shard, row);
  }
  if (entry.shards.empty()) return;
  std::vector<std::string> texts = {"t", "1700000000000"};
  for (const auto& [shard, row] : entry.shards) {
    texts.push_back(redis_field(shard));
    texts.push_back(redis_value(row));
  }
  const auto read = read_redis_entry({texts.begin(), texts.end()});
  require(read.state == RedisEntry::State::kWhole, "what was written is whole");
  require(read.as_of == 1'700'000'000'000, "the time is as it was written");
  require(read.shards == entry.shards, "the shards are as they were written");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.flag()) {
    quipu::fuzz::check_read(input);
  } else {
    quipu::fuzz::check_written(input);
  }
  return 0;
}
