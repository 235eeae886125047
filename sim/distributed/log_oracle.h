#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event/frame.h"
#include "store/counter_store.h"

namespace quipu::sim {

/// What the log means, told a second time and in the plainest way: for each frame, as it gets its offset, what every
/// counter's shard is after it. Nothing of the code under test but the frame's decoder.
class LogOracle {
 public:
  LogOracle(std::uint16_t partitions, std::size_t window)
      : partitions_(partitions), opened_(partitions), window_(window) {}

  /// Counting goes on in another log: the shards of the one before stay as the store's rows have them.
  void begin_generation(Generation generation, std::uint16_t partitions, const RowBatch& rows) {
    remember_overtaken(rows);
    generation_ = generation;
    partitions_ = std::vector<Partition>(partitions);
    opened_ = partitions;
    resets.clear();
    plain_events_.clear();
    frozen_.clear();
    for (const auto& item : rows.items()) frozen_[std::string(rows.counter(item))][item.shard] = item.row;
  }

  void add_partition() { partitions_.emplace_back(); }
  /// These take events soon, or do: whatever reset is not in all others by now must be in them too before it is over.
  /// One that is over they are told of before they take any.
  void open(std::uint16_t partitions) { opened_ = std::max<std::size_t>(opened_, partitions); }

  void appended(PartitionId partition, Offset offset, ByteView bytes) {
    Partition& log = partitions_[partition.value];
    const auto frame = decode_frame(bytes);
    const FrameHeader& header = frame->header();
    auto counts = Counts::kAll;
    if (header.number > 0) {
      counts = continues_chain(log.chains[header.writer.node], header);
    }
    auto entries = frame->entries();
    while (const auto entry = entries.next()) {
      const bool may = counts == Counts::kAll || (counts == Counts::kIds && entry->group == GroupKind::kIds);
      const bool fresh = take(log, *entry, may);
      if (may && fresh) apply(log, partition, *entry, offset);
    }
    log.end = offset;
  }

  /// The shard as of exactly this offset, at which it must have been touched.
  std::optional<Row> at(PartitionId partition, const std::string& counter, Offset applied) const {
    return at({generation_, partition}, counter, applied);
  }
  std::optional<Row> at(const ShardId& shard, const std::string& counter, Offset applied) const {
    if (shard.generation != generation_) {
      const auto frozen = frozen_.find(counter);
      if (frozen == frozen_.end() || !frozen->second.contains(shard)) return std::nullopt;
      const Row& row = frozen->second.at(shard);
      return row.applied == applied ? std::optional(row) : std::nullopt;
    }
    if (shard.partition.value >= partitions_.size()) return std::nullopt;
    const auto& history = partitions_[shard.partition.value].history;
    const auto found = history.find(counter);
    if (found == history.end()) return std::nullopt;
    for (const Row& row : found->second) {
      if (row.applied == applied) return row;
    }
    return std::nullopt;
  }
  /// Calls `each(counter, row)` for the shards of a partition as of an offset.
  template <class Each>
  void as_of(PartitionId partition, Offset offset, Each each) const {
    for (const auto& [counter, rows] : partitions_[partition.value].history) {
      const Row* newest = nullptr;
      for (const Row& row : rows) {
        if (row.applied <= offset) newest = &row;
      }
      if (newest != nullptr) each(counter, *newest);
    }
  }
  Offset end(PartitionId partition) const { return partitions_[partition.value].end; }
  std::uint16_t partitions() const { return static_cast<std::uint16_t>(partitions_.size()); }

  /// The total of a counter: the sum over the shards of its highest epoch, held within 64 bits.
  std::int64_t total(const std::string& counter) const { return held(sum_of(counter).first); }
  /// Whether that, or a shard of it, was too much for 64 bits.
  bool saturated(const std::string& counter) const {
    const auto [sum, flagged] = sum_of(counter);
    return flagged || sum != held(sum);
  }
  /// What the shards of a counter have come to within one epoch, added up.
  std::int64_t within(const std::string& counter, Epoch epoch) const {
    std::int64_t sum = 0;
    for (const Partition& partition : partitions_) {
      const auto found = partition.history.find(counter);
      if (found == partition.history.end()) continue;
      std::int64_t reached = 0;
      for (const Row& row : found->second) {
        if (row.epoch == epoch) reached = row.total;
      }
      sum += reached;
    }
    if (const auto frozen = frozen_.find(counter); frozen != frozen_.end()) {
      for (const auto& [shard, row] : frozen->second) sum += row.epoch == epoch ? row.total : 0;
    }
    if (const auto before = overtaken_.find({counter, epoch}); before != overtaken_.end()) sum += before->second;
    return sum;
  }
  /// How many plain events of a counter count, whatever was reset since.
  std::uint64_t plain_events(const std::string& counter) const {
    const auto found = plain_events_.find(counter);
    return found == plain_events_.end() ? 0 : found->second;
  }

  /// Whether every partition has the RESET that stands there.
  bool reset_done(PartitionId home, Offset offset, const std::string& counter) const {
    const auto found = std::ranges::find_if(resets, [&](const Reset& reset) {
      return reset.home == home && reset.offset == offset && reset.counter == counter;
    });
    return found != resets.end() && found->done_at.has_value();
  }

  struct Reset {
    PartitionId home{};
    Offset offset{};
    std::string counter;
    Epoch epoch{};
    std::set<std::uint16_t> told;  ///< Other partitions that have it.
    std::optional<std::int64_t> done_at;
  };
  /// The resets that clients asked for and that stand in the log. Its time is set from outside.
  std::vector<Reset> resets;
  std::int64_t now = 0;
  bool gap = false;
  /// Ids that came again only when they were not in the window any more: those count again.
  std::set<Hash128> beyond_window;
  std::uint64_t repeats = 0;

 private:
  static constexpr std::size_t kBootsKept = 4;

  struct Partition {
    std::map<std::uint64_t, std::map<std::uint32_t, std::uint64_t>> chains;  // By node and boot.
    std::deque<Hash128> ids;                                                 // Distinct, oldest first.
    std::set<Hash128> ever;
    std::map<Hash128, std::uint64_t> sources;
    std::map<std::string, std::vector<Row>> history;
    Offset end{};
  };

  /// What shards of the log that ends had come to in epochs before that of their rows: a cache may show it yet.
  void remember_overtaken(const RowBatch& rows) {
    for (const auto& item : rows.items()) {
      if (item.shard.generation != generation_ || item.shard.partition.value >= partitions_.size()) continue;
      const auto& history = partitions_[item.shard.partition.value].history;
      const auto found = history.find(std::string(rows.counter(item)));
      if (found == history.end()) continue;
      std::map<Epoch, std::int64_t> reached;
      for (const Row& row : found->second) {
        if (row.epoch < item.row.epoch) reached[row.epoch] = row.total;
      }
      for (const auto& [epoch, total] : reached) overtaken_[{found->first, epoch}] += total;
    }
  }

  enum class Counts : std::uint8_t { kAll, kIds, kNone };
  __extension__ using Wide = __int128;

  static std::int64_t held(Wide sum) {
    constexpr Wide kMost = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::clamp(sum, -kMost - 1, kMost));
  }
  /// The sum over the shards of the highest epoch, and whether one of these is flagged.
  std::pair<Wide, bool> sum_of(const std::string& counter) const {
    Wide sum = 0;
    bool flagged = false;
    Epoch highest{};
    const auto add = [&](const Row& row) {
      if (row.epoch > highest) {
        sum = 0;
        flagged = false;
      }
      highest = std::max(highest, row.epoch);
      if (row.epoch != highest) return;
      sum += row.total;
      flagged |= row.flags != 0;
    };
    for (const Partition& partition : partitions_) {
      const auto found = partition.history.find(counter);
      if (found != partition.history.end()) add(found->second.back());
    }
    if (const auto frozen = frozen_.find(counter); frozen != frozen_.end()) {
      for (const auto& [shard, row] : frozen->second) add(row);
    }
    return {sum, flagged};
  }

  /// Of a node's boots the newest ones are kept; of what comes of an older one only ids tell whether they were counted.
  Counts continues_chain(std::map<std::uint32_t, std::uint64_t>& boots, const FrameHeader& header) {
    const auto boot = header.writer.boot;
    if (!boots.contains(boot) && boots.size() >= kBootsKept && boots.begin()->first > boot) return Counts::kIds;
    auto& last = boots[boot];
    const bool counts = header.number > last;
    if (header.number > last + 1) gap = true;
    last = std::max(last, header.number);
    if (boots.size() > kBootsKept) boots.erase(boots.begin());
    return counts ? Counts::kAll : Counts::kNone;
  }

  bool take(Partition& log, const Entry& entry, bool counts) {
    if (entry.group == GroupKind::kIds) {
      const auto at = std::find(log.ids.begin(), log.ids.end(), entry.id.id);
      const bool known = at != log.ids.end();
      if (known) log.ids.erase(at);
      if (!known && !log.ever.insert(entry.id.id).second) beyond_window.insert(entry.id.id);
      log.ids.push_back(entry.id.id);
      if (log.ids.size() > window_) log.ids.pop_front();
      repeats += known ? 1 : 0;
      return !known;
    }
    if (entry.group == GroupKind::kSource && counts) {
      auto& last = log.sources[entry.source];
      if (entry.sequence <= last) return false;
      last = entry.sequence;
    }
    return true;
  }

  void apply(Partition& log, PartitionId partition, const Entry& entry, Offset offset) {
    auto& rows = log.history[std::string(entry.counter)];
    Row row = rows.empty() ? Row{} : rows.back();
    row.applied = offset;
    if (entry.kind == EntryKind::kReset) {
      const auto epoch = entry.epoch == Epoch{} ? epoch_of(generation_, offset) : entry.epoch;
      note_reset(partition, entry, offset, epoch);
      if (epoch > row.epoch) row = {0, 0, epoch, offset, 0};
    } else {
      const Wide sum = Wide{row.total} + entry.delta;
      row.total = held(sum);
      if (sum != row.total) row.flags = kRowSaturated;
      row.events += entry.events;
      if (entry.group == GroupKind::kPlain) plain_events_[std::string(entry.counter)] += entry.events;
    }
    if (!rows.empty() && rows.back().applied == offset) rows.pop_back();
    rows.push_back(row);
  }

  void note_reset(PartitionId partition, const Entry& entry, Offset offset, Epoch epoch) {
    if (entry.epoch == Epoch{}) resets.push_back({partition, offset, std::string(entry.counter), epoch, {}, {}});
    for (Reset& reset : resets) {
      if (reset.epoch != epoch || reset.counter != entry.counter) continue;
      if (partition != reset.home) reset.told.insert(partition.value);
      // Other partitions are told of it before they take events, or with what opens them.
      const auto told = std::ranges::count_if(reset.told, [this](std::uint16_t p) { return p < opened_; });
      if (static_cast<std::size_t>(told) + 1 >= opened_ && !reset.done_at) reset.done_at = now;
    }
  }

  Generation generation_{1};
  std::map<std::string, std::map<ShardId, Row>> frozen_;  // By counter: of the logs before.
  std::map<std::pair<std::string, Epoch>, std::int64_t> overtaken_;
  std::vector<Partition> partitions_;
  std::size_t opened_;  // The first so many take events, or will before any other reset.
  std::size_t window_;
  std::map<std::string, std::uint64_t> plain_events_;
};

}  // namespace quipu::sim
