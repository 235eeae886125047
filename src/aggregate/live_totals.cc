#include "aggregate/live_totals.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

/// Whether the counter that these rows make up exists.
bool rows_exist(std::span<const RowBatch::Item> items) {
  Epoch highest{};
  for (const auto& item : items) highest = std::max(highest, item.row.epoch);
  return std::any_of(items.begin(), items.end(),
                     [&](const auto& item) { return item.row.epoch == highest && item.row.events > 0; });
}

}  // namespace

LiveTotals::LiveTotals(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation,
                       std::uint16_t partitions)
    : table_(hash_seed, routing_secret, generation, partitions) {}

void LiveTotals::change_existing(NamespaceId space, bool before, bool after) {
  if (before == after) return;
  if (existing_.size() <= space.value) existing_.resize(space.value + 1);
  QUIPU_CHECK(after || existing_[space.value] > 0);
  existing_[space.value] += after ? 1 : std::uint64_t(-1);
}

bool LiveTotals::add(CounterIndex index, ShardId id, std::int64_t delta, std::uint64_t events, Offset offset) {
  Shard& shard = table_.shard(index, id);
  const Counter& counter = table_.at(index);
  const bool before = counter.extras == kNoCounter ? counter.home.row.events > 0 : table_.total(counter).exists;
  const bool saturated = shard.add(delta, events, offset);
  mark(shard, index, id);
  if (!before) change_existing(counter.space, false, table_.total(counter).exists);
  return saturated;
}

void LiveTotals::reset(CounterIndex index, ShardId id, Epoch epoch, Offset offset) {
  Shard& shard = table_.shard(index, id);
  const Counter& counter = table_.at(index);
  const bool before = table_.total(counter).exists;
  if (QUIPU_PLANTED("reset-without-row") && shard.row.applied == kNoOffset) return;
  shard.reset(epoch, offset);
  mark(shard, index, id);
  change_existing(counter.space, before, table_.total(counter).exists);
}

CounterIndex LiveTotals::load(NamespaceId space, const RowBatch& rows, std::span<const RowBatch::Item> items) {
  QUIPU_CHECK(!items.empty());
  const auto name = rows.counter(items.front());
  if (const auto known = table_.find(space, name); known != kNoCounter) return known;
  const auto index = table_.insert(space, rows.space(items.front()), name);
  for (const auto& item : items) table_.shard(index, item.shard).row = item.row;
  return index;
}

void LiveTotals::count_existing(NamespaceId space, std::span<const RowBatch::Item> items) {
  change_existing(space, false, rows_exist(items));
}

std::uint64_t LiveTotals::existing(NamespaceId space) const {
  return space.value < existing_.size() ? existing_[space.value] : 0;
}

std::uint64_t LiveTotals::existing() const {
  return std::accumulate(existing_.begin(), existing_.end(), std::uint64_t{0});
}

std::vector<ShardRef> LiveTotals::take_dirty() { return std::exchange(dirty_, {}); }

void LiveTotals::copy_dirty(const ShardRef& ref, std::string_view space_name, std::uint64_t routing, RowBatch& out) {
  Counter& counter = table_.at(ref.counter);
  Shard& shard = table_.shard(ref.counter, ref.id);
  QUIPU_CHECK(counter.used() && shard.dirty);
  auto id = ref.id;
  if (QUIPU_PLANTED("row-key-without-generation")) id.generation = Generation{1};
  out.add(routing, space_name, table_.name(counter), id, shard.row);
  shard.dirty = false;
  counter.referenced = 0;
  if (QUIPU_PLANTED("row-under-way-evicted")) return;
  QUIPU_CHECK(counter.pins < Counter::kPinsMax);
  ++counter.pins;
}

void LiveTotals::copied_done(const ShardRef& ref, bool stored) {
  if (QUIPU_PLANTED("row-under-way-evicted")) {
    --dirty_shards_;
    return;
  }
  Counter& counter = table_.at(ref.counter);
  QUIPU_CHECK(counter.pins > 0);
  --counter.pins;
  --dirty_shards_;
  if (!stored) return mark(table_.shard(ref.counter, ref.id), ref.counter, ref.id);
  // Its memory is at hand now. Nothing names a counter that was not used since the frame edge at which it was copied.
  if (counter.referenced == 0 && idle() > awake_max_) table_.rest(ref.counter);
}

void LiveTotals::dirty_again(std::span<const ShardRef> shards) {
  dirty_.insert(dirty_.end(), shards.begin(), shards.end());
}

std::size_t LiveTotals::idle() const {
  const auto busy = dirty_shards_ + table_.with_extras();
  return table_.awake().size() - std::min(table_.awake().size(), busy);
}

bool LiveTotals::rest(std::size_t visits_max) {
  const CounterPool& awake = table_.awake();
  // What is in the last chunks goes whether it is used or not, and comes again further in front: so what a burst took
  // can be given back.
  const auto keep = awake_max_ + dirty_shards_ + table_.with_extras() + CounterPool::kChunk;
  for (; visits_max > 0 && idle() > awake_max_; --visits_max) {
    if (hand_ >= awake.end()) hand_ = 0;
    if (!awake.has(hand_)) {
      hand_ += CounterPool::kChunk - hand_ % CounterPool::kChunk;
      continue;
    }
    const auto index = hand_++;
    Counter& counter = table_.at(index);
    if (!counter.used()) continue;
    const bool used_of_late = counter.referenced != 0;
    counter.referenced = 0;
    if (!used_of_late || index >= keep) table_.rest(index);
  }
  return idle() > awake_max_;
}

std::size_t LiveTotals::evict(std::size_t bytes_max, std::size_t visits_max) {
  std::size_t evicted = 0;
  // For a planted bug: whether a change that no flush has taken yet holds its counter in the table.
  const auto hold = [this](bool dirty) {
    std::erase_if(dirty_, [&](const ShardRef& ref) {
      const bool gone = !table_.awake().has(ref.counter) || !table_.at(ref.counter).used();
      if (!gone) table_.shard(ref.counter, ref.id).dirty = dirty;
      if (gone) --dirty_shards_;
      return gone;
    });
  };
  if (QUIPU_PLANTED("dirty-row-evicted")) hold(false);
  // After two rounds nothing is left but what must stay: no need to move it about.
  visits_max = std::min(visits_max, 2 * table_.size());
  for (; visits_max > 0 && table_.live_bytes() > bytes_max; --visits_max) {
    const auto swept = table_.sweep(true);
    if (swept == CounterTable::Swept::kNothingLeft) break;
    if (swept == CounterTable::Swept::kEvicted) ++evicted;
  }
  if (QUIPU_PLANTED("dirty-row-evicted")) hold(true);
  if (evicted > 0) complete_ = false;
  return evicted;
}

void LiveTotals::tidy(std::size_t visits_max) {
  for (; visits_max > 0 && table_.sparse(); --visits_max) table_.sweep(false);
}

}  // namespace quipu
