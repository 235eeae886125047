#include "aggregate/counter_table.h"

#include <algorithm>

#include "base/check.h"

namespace quipu {

namespace {
constexpr std::size_t kSlotsMin = 1024;
}

CounterTable::CounterTable(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation,
                           std::uint16_t partitions)
    : hash_seed_(hash_seed),
      routing_secret_(routing_secret),
      generation_(generation),
      partitions_(partitions),
      slots_(kSlotsMin) {
  QUIPU_CHECK(partitions >= 1 && partitions <= kPartitionsMax);
}

std::uint32_t CounterTable::tag(NamespaceId space, std::string_view counter) const {
  const auto hash = hash64(as_bytes(counter), hash_seed_ + space.value * std::uint64_t{0x9e3779b97f4a7c15});
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

CounterIndex CounterTable::likely(std::uint32_t wanted) const {
  const auto mask = slots_.size() - 1;
  for (auto at = wanted & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.index == kNoCounter || slot.tag == wanted) return slot.index;
  }
}

void CounterTable::prefetch_counter(std::uint32_t wanted) const {
  const auto index = likely(wanted);
  if (index == kNoCounter) return;
  const auto* counter = reinterpret_cast<const char*>(&at(index));
  __builtin_prefetch(counter, 1);
  __builtin_prefetch(counter + sizeof(Counter) - 1, 1);
}

void CounterTable::prefetch_name(std::uint32_t wanted) const {
  const auto index = likely(wanted);
  if (index != kNoCounter) __builtin_prefetch(at(index).name);
}

CounterIndex CounterTable::find(std::uint32_t wanted, NamespaceId space, std::string_view counter) {
  const auto mask = slots_.size() - 1;
  for (auto at = wanted & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.index == kNoCounter) return kNoCounter;
    if (slot.tag != wanted) continue;
    Counter& found = this->at(slot.index);
    if (found.space == space && found.counter() == counter) {
      found.referenced = true;
      return slot.index;
    }
  }
}

CounterIndex CounterTable::insert(NamespaceId space, std::string_view space_name, std::string_view counter) {
  QUIPU_CHECK(!counter.empty() && counter.size() <= 0xffff);
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  CounterIndex index;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    QUIPU_CHECK(end_ < kNoCounter);
    if (end_ % kChunk == 0) chunks_.push_back(std::make_unique<Counter[]>(kChunk));
    index = end_++;
  }
  Counter& made = at(index);
  made = Counter{};
  made.name = names_.store(counter);
  made.name_size = static_cast<std::uint16_t>(counter.size());
  made.space = space;
  made.home_partition =
      PartitionId{static_cast<std::uint16_t>(routing_hash(routing_secret_, space_name, counter) % partitions_)};
  made.referenced = true;

  const auto wanted = tag(space, counter);
  const auto mask = slots_.size() - 1;
  auto at_slot = wanted & mask;
  while (slots_[at_slot].index != kNoCounter) at_slot = (at_slot + 1) & mask;
  slots_[at_slot] = {wanted, index};
  ++size_;
  live_bytes_ += cost(counter.size());
  return index;
}

std::size_t CounterTable::slot_of(CounterIndex index) const {
  const Counter& counter = at(index);
  const auto mask = slots_.size() - 1;
  auto at_slot = tag(counter.space, counter.counter()) & mask;
  while (slots_[at_slot].index != index) {
    QUIPU_CHECK(slots_[at_slot].index != kNoCounter);
    at_slot = (at_slot + 1) & mask;
  }
  return at_slot;
}

void CounterTable::erase(CounterIndex index) {
  Counter& counter = at(index);
  QUIPU_CHECK(counter.used() && counter.pins == 0 && !dirty(counter));
  // Backward shift: the slots behind move up, so that no tombstone lengthens the probes.
  const auto mask = slots_.size() - 1;
  auto hole = slot_of(index);
  for (auto next = (hole + 1) & mask; slots_[next].index != kNoCounter; next = (next + 1) & mask) {
    const auto home = slots_[next].tag & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = Slot{};
  live_bytes_ -= cost(counter.name_size);
  if (counter.extras != kNoCounter) {
    live_bytes_ -= extras_[counter.extras].size() * sizeof(ExtraShard);
    std::vector<ExtraShard>().swap(extras_[counter.extras]);
    free_extras_.push_back(counter.extras);
  }
  names_.release(counter.name, counter.name_size);
  counter = Counter{};
  free_.push_back(index);
  --size_;
}

void CounterTable::grow() {
  std::vector<Slot> larger(slots_.size() * 2);
  const auto mask = larger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.index == kNoCounter) continue;
    auto at_slot = slot.tag & mask;
    while (larger[at_slot].index != kNoCounter) at_slot = (at_slot + 1) & mask;
    larger[at_slot] = slot;
  }
  slots_ = std::move(larger);
}

const std::vector<ExtraShard>& CounterTable::extras(const Counter& counter) const {
  static const std::vector<ExtraShard> none;
  return counter.extras == kNoCounter ? none : extras_[counter.extras];
}

std::vector<ExtraShard>& CounterTable::extras(Counter& counter) {
  if (counter.extras == kNoCounter) {
    if (free_extras_.empty()) {
      counter.extras = static_cast<std::uint32_t>(extras_.size());
      extras_.emplace_back();
    } else {
      counter.extras = free_extras_.back();
      free_extras_.pop_back();
    }
  }
  return extras_[counter.extras];
}

Shard& CounterTable::shard(CounterIndex index, ShardId id) {
  Counter& counter = at(index);
  if (id.partition == counter.home_partition && id.generation == generation_) return counter.home;
  auto& others = extras(counter);
  for (ExtraShard& other : others) {
    if (other.id == id) return other.shard;
  }
  others.push_back({id, {}});
  live_bytes_ += sizeof(ExtraShard);
  return others.back().shard;
}

Total CounterTable::total(const Counter& counter) const {
  const Row& home = counter.home.row;
  if (counter.extras == kNoCounter) {
    return {home.total, home.events > 0, (home.flags & kRowSaturated) != 0, home.epoch, home.applied};
  }
  Total total{0, false, false, home.epoch, home.applied};
  for (const ExtraShard& other : extras(counter)) {
    total.epoch = std::max(total.epoch, other.shard.row.epoch);
    // Offsets of older generations are all durable and not comparable with those of this one.
    if (other.id.generation == generation_) total.newest = std::max(total.newest, other.shard.row.applied);
  }
  Wide sum = 0;
  const auto include = [&](const Row& row) {
    if (row.epoch != total.epoch) return;
    sum += row.total;
    total.exists |= row.events > 0;
    total.saturated |= (row.flags & kRowSaturated) != 0;
  };
  include(home);
  for (const ExtraShard& other : extras(counter)) include(other.shard.row);
  total.value = saturate(sum);
  total.saturated |= !fits(sum);
  return total;
}

bool CounterTable::dirty(const Counter& counter) const {
  if (counter.home.dirty) return true;
  for (const ExtraShard& other : extras(counter)) {
    if (other.shard.dirty) return true;
  }
  return false;
}

std::size_t CounterTable::bytes() const {
  return chunks_.size() * kChunk * sizeof(Counter) + slots_.size() * sizeof(Slot) + names_.bytes() +
         extras_.capacity() * sizeof(std::vector<ExtraShard>);
}

}  // namespace quipu
