#include "aggregate/counter_table.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {

CounterTable::CounterTable(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation,
                           std::uint16_t partitions)
    : hash_seed_(hash_seed), routing_secret_(routing_secret), generation_(generation), partitions_(partitions) {
  QUIPU_CHECK(partitions >= 1 && partitions <= kPartitionsMax);
}

CounterTable::CounterTable(std::uint64_t hash_seed, ShardId only)
    : hash_seed_(hash_seed), generation_(only.generation), only_(only.partition) {}

std::uint32_t CounterTable::tag(NamespaceId space, std::string_view counter) const {
  const auto hash = hash64(as_bytes(counter), hash_seed_ + space.value * std::uint64_t{0x9e3779b97f4a7c15});
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

RecordRef CounterTable::prefetch_record(std::uint32_t wanted) const {
  const auto ref = index_.likely(wanted);
  if (ref == kNoRecord) return ref;
  const char* bytes = arena_.at(ref);
  __builtin_prefetch(bytes, 1);
  __builtin_prefetch(bytes + Record::kCompactBytes + 20, 1);  // Names are about that long; it may be the same line.
  return ref;
}

void CounterTable::prefetch_counter(RecordRef likely) const {
  if (likely == kNoRecord) return;
  const Record record = record_at(likely);
  if (record.active()) __builtin_prefetch(&pool_.at(record.index()), 1);
}

CounterIndex CounterTable::find(std::uint32_t wanted, RecordRef likely, NamespaceId space, std::string_view counter) {
  auto ref = likely;
  if (ref == kNoRecord || !names(ref, space, counter)) {
    ref = index_.find(wanted, [&](RecordRef each) { return names(each, space, counter); });
  }
  if (ref == kNoRecord) return kNoCounter;
  const Record record = record_at(ref);
  const auto index = record.active() ? record.index() : wake(ref);
  pool_.at(index).referenced = 1;
  return index;
}

CounterIndex CounterTable::wake(RecordRef ref) {
  Record record = record_at(ref);
  const auto index = pool_.take();
  Counter& counter = pool_.at(index);
  counter.home.row = record.row();
  counter.record = ref;
  counter.space = record.space();
  counter.home_partition = record.partition();
  counter.came_again = 1;
  record.activate(index);
  return index;
}

CounterIndex CounterTable::insert(NamespaceId space, std::string_view space_name, std::string_view name) {
  QUIPU_CHECK(!name.empty() && name.size() <= 0xffff);
  const PartitionId home =
      only_ ? *only_
            : PartitionId{static_cast<std::uint16_t>(routing_hash(routing_secret_, space_name, name) % partitions_)};
  const auto ref = append(!Record::compact(space, home, name.size()), space, home, name);
  index_.insert(tag(space, name), ref);
  const auto index = pool_.take();
  Counter& made = pool_.at(index);
  made.record = ref;
  made.space = space;
  made.home_partition = home;
  made.referenced = 1;
  record_at(ref).activate(index);
  return index;
}

RecordRef CounterTable::append(bool wide, NamespaceId space, PartitionId partition, std::string_view name) {
  const auto size = Record::bytes(wide, name.size());
  const auto ref = arena_.append(size);
  record_at(ref).make(wide, space, partition, name);
  record_bytes_ += size;
  return ref;
}

void CounterTable::kill(RecordRef ref) {
  Record record = record_at(ref);
  record.kill();
  arena_.kill(record.bytes());
  record_bytes_ -= record.bytes();
}

void CounterTable::erase(CounterIndex index) {
  Counter& counter = pool_.at(index);
  QUIPU_CHECK(counter.used() && counter.pins == 0 && !dirty(counter));
  index_.erase(tag(record_at(counter.record)), counter.record);
  kill(counter.record);
  drop_extras(counter);
  pool_.give_back(index);
}

bool CounterTable::rest(CounterIndex index) {
  Counter& counter = pool_.at(index);
  QUIPU_CHECK(counter.used());
  if (counter.pins > 0 || counter.home.dirty || counter.extras != kNoCounter) return false;
  const Row& row = counter.home.row;
  auto ref = counter.record;
  const auto name = record_at(ref).name();
  const bool wide = !Record::compact(row) || !Record::compact(counter.space, counter.home_partition, name.size());
  if (wide != record_at(ref).wide()) {
    // Chunks do not move when others come, so the name stays where it is until it is copied.
    const auto made = append(wide, counter.space, counter.home_partition, name);
    index_.replace(tag(counter.space, name), ref, made);
    kill(ref);
    ref = made;
  }
  Record record = record_at(ref);
  record.set_row(row);
  record.set_came_again(counter.came_again != 0);
  pool_.give_back(index);
  return true;
}

bool CounterTable::evictable(const Record& record) {
  if (!record.active()) {
    if (!record.came_again()) return true;
    Record(record).set_came_again(false);
    return false;
  }
  Counter& counter = pool_.at(record.index());
  if (counter.pins > 0 || dirty(counter)) return false;
  if (counter.referenced == 0) return true;
  counter.referenced = 0;
  return false;
}

/// Asks memory for what passing the next records needs: passed one by one, each would wait for it.
void CounterTable::look_ahead() {
  auto position = arena_.hand();
  for (; looked_ahead_ < kAhead; ++looked_ahead_) {
    const auto ref = arena_.record_at(position);
    if (ref == kNoRecord) return;
    const Record record = record_at(ref);
    position.at += static_cast<std::uint32_t>(record.bytes());
    if (record.dead()) continue;
    index_.prefetch(tag(record));
    if (record.active()) __builtin_prefetch(&pool_.at(record.index()), 1);
  }
}

CounterTable::Swept CounterTable::sweep(bool evict) {
  if (looked_ahead_ == 0) look_ahead();
  if (looked_ahead_ > 0) --looked_ahead_;
  auto& hand = arena_.hand();
  const auto ref = arena_.record_at(hand);
  if (ref == kNoRecord) return Swept::kNothingLeft;
  arena_.drop_behind_hand();
  if (arena_.hand_in_newest()) arena_.seal();
  const Record record = record_at(ref);
  hand.at += static_cast<std::uint32_t>(record.bytes());
  if (record.dead()) return Swept::kKept;
  if (!evict || !evictable(record)) {
    move(ref);
    return Swept::kKept;
  }
  if (record.active()) {
    erase(record.index());
  } else {
    index_.erase(tag(record), ref);
    kill(ref);
  }
  return Swept::kEvicted;
}

void CounterTable::move(RecordRef ref) {
  const Record record = record_at(ref);
  const auto size = record.bytes();
  const auto to = arena_.append(size);
  std::memcpy(arena_.at(to), record.data(), size);
  record_bytes_ += size;
  index_.replace(tag(record), ref, to);
  if (record.active()) pool_.at(record.index()).record = to;
  kill(ref);
}

const std::vector<ExtraShard>& CounterTable::extras(const Counter& counter) const {
  static const std::vector<ExtraShard> none;
  return counter.extras == kNoCounter ? none : extras_[counter.extras];
}

std::vector<ExtraShard>& CounterTable::extras(Counter& counter) {
  if (counter.extras != kNoCounter) return extras_[counter.extras];
  if (free_extras_.empty()) {
    counter.extras = static_cast<std::uint32_t>(extras_.size());
    extras_.emplace_back();
  } else {
    counter.extras = free_extras_.back();
    free_extras_.pop_back();
  }
  extra_bytes_ += sizeof(std::vector<ExtraShard>);
  return extras_[counter.extras];
}

void CounterTable::drop_extras(Counter& counter) {
  if (counter.extras == kNoCounter) return;
  extra_bytes_ -= extras_[counter.extras].size() * sizeof(ExtraShard) + sizeof(std::vector<ExtraShard>);
  std::vector<ExtraShard>().swap(extras_[counter.extras]);
  free_extras_.push_back(counter.extras);
  counter.extras = kNoCounter;
}

Shard& CounterTable::shard(CounterIndex index, ShardId id) {
  Counter& counter = at(index);
  if (id.partition == counter.home_partition && id.generation == generation_) return counter.home;
  auto& others = extras(counter);
  for (ExtraShard& other : others) {
    if (other.id == id) return other.shard;
  }
  others.push_back({id, {}});
  extra_bytes_ += sizeof(ExtraShard);
  return others.back().shard;
}

Total CounterTable::total(const Row& row) {
  return {row.total, row.events > 0, (row.flags & kRowSaturated) != 0, row.epoch, row.applied};
}

Total CounterTable::total(const Record& record) const {
  return record.active() ? total(pool_.at(record.index())) : total(record.row());
}

std::optional<Total> CounterTable::total(NamespaceId space, std::string_view counter) const {
  const auto ref = record_of(space, counter);
  if (ref == kNoRecord) return std::nullopt;
  return total(record_at(ref));
}

Total CounterTable::total(const Counter& counter) const {
  const Row& home = counter.home.row;
  if (counter.extras == kNoCounter) return total(home);
  Total total{0, false, false, home.epoch, home.applied};
  for (const ExtraShard& other : extras(counter)) {
    total.epoch = std::max(total.epoch, other.shard.row.epoch);
    // Offsets of older generations are all durable and not comparable with those of this one.
    if (other.id.generation == generation_) total.newest = std::max(total.newest, other.shard.row.applied);
  }
  Wide sum = 0;
  const auto include = [&](const Row& row) {
    if (row.epoch != total.epoch && !QUIPU_PLANTED("epoch-ignored")) return;
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

std::size_t CounterTable::bytes() const { return arena_.bytes() + index_.bytes() + pool_.bytes() + extra_bytes_; }

}  // namespace quipu
