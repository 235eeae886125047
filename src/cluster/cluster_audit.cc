#include "cluster/cluster_audit.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/aggregator.h"
#include "aggregate/base_windows.h"
#include "aggregate/partition_state.h"
#include "base/hash.h"
#include "cluster/shared_parts.h"
#include "cluster/waiting_store.h"
#include "event/frame.h"
#include "node/audit_table.h"
#include "node/doorbell.h"
#include "node/log_lines.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

constexpr std::size_t kStretchBytes = std::size_t{1} << 20;
/// What a row takes at most while it is on its way from the store and in the table, with a name of the usual size.
constexpr std::size_t kRowBytes = 1'024;
constexpr std::size_t kRowsMin = 1'000;
constexpr std::size_t kPageRows = 10'000;
/// A log that gives nothing for so long is taken for one that never will.
constexpr std::int64_t kStallMs = 60'000;
constexpr std::int64_t kLookMs = 50;
/// More than a node has on its way in a partition at a time, and so sends again.
constexpr std::uint64_t kFramesInDoubt = 64;
/// How often a partition whose log was trimmed while it was read is begun again.
constexpr int kBeginningsMax = 10;

class ClusterAudit {
 public:
  ClusterAudit(const Config& config, const std::function<void(std::uint64_t)>& progress,
               const std::function<bool()>& interrupted)
      : config_(config),
        progress_(progress),
        interrupted_(interrupted),
        rows_max_(std::max(kRowsMin, config.memory_table_bytes / kRowBytes)) {}

  Result<AuditReport> run() {
    auto parts = SharedParts::open(config_, [this] { bell_.ring(); }, SharedParts::Use::kLook);
    if (!parts) return std::unexpected(parts.error());
    parts_ = std::move(*parts);
    table_.emplace(generation(), parts_.identity.secret.low);
    for (bool first = true; first || to_; first = false) {
      first_range_ = first;
      table_->clear();
      from_ = to_.value_or(0);
      if (auto read = read_store(); !read) return std::unexpected(read.error());
      if (auto asked = ask_for_ends(); !asked) return std::unexpected(asked.error());
      for (std::uint16_t at = 0; at < partitions(); ++at) {
        if (auto counted = count(PartitionId{at}); !counted) return std::unexpected(counted.error());
      }
      table_->compare(watermarks_, newest_, report_);
      report_.older_rows += older_.size();
    }
    return std::move(report_);
  }

 private:
  /// What one reading of a partition's log knows.
  struct Reading {
    PartitionId partition{};
    Aggregator aggregator;
    Offset begin{};  ///< The oldest offset that is kept.
    Offset base{};   ///< The window of ids is as of here; entries up to here are not counted.
    bool whole = true;
    bool ids_known = true;
    std::map<NodeIdentity, std::uint64_t> doubtful{};  ///< Of chains whose beginning is not kept: up to which number.
  };

  Generation generation() const { return parts_.identity.log.generation; }
  KafkaLog& log() { return *parts_.log; }
  std::uint16_t partitions() const { return static_cast<std::uint16_t>(watermarks_.size()); }
  static std::unexpected<Error> ended() { return failure(Code::kTimeout, "interrupted; nothing was changed"); }
  static std::string named(PartitionId partition) { return "partition " + std::to_string(partition.value); }

  std::unexpected<Error> no_such(PartitionId partition) {
    return failure(Code::kDamaged, "the store has rows of " + named(partition) + ", topic " +
                                       config_.cluster.kafka_topic + " only " + std::to_string(log().partitions()) +
                                       " partitions");
  }

  Result<void> read_store();
  Result<void> take_rows(const RowBatch& rows);
  Result<void> ask_for_ends();
  Result<void> count(PartitionId partition);
  Result<bool> count_from(Reading& reading);
  Result<Reading> begin(PartitionId partition);
  Result<void> replay(Reading& reading, const LogRead::Item& item, ByteView bytes);
  void count_frame(Reading& reading, const Frame& frame, Offset offset, bool certain, bool ids_alone);
  bool in_range(std::uint64_t routing) const { return routing >= from_ && (!to_ || routing < *to_); }
  Result<void> bound_memory(std::size_t rows_max);

  const Config& config_;
  const std::function<void(std::uint64_t)>& progress_;
  const std::function<bool()>& interrupted_;
  const std::size_t rows_max_;
  Doorbell bell_;
  SharedParts parts_;
  std::optional<AuditTable> table_;
  AuditReport report_;
  // Of the range that is being looked at: counters by their routing hashes.
  bool first_range_ = true;
  std::uint64_t from_ = 0;
  std::optional<std::uint64_t> to_;
  std::vector<Offset> watermarks_;    // From before its rows were read: every entry at or below them must be in these.
  std::vector<Offset> newest_;        // From after that.
  std::vector<Offset> last_;          // As far as it is due.
  std::vector<std::uint64_t> older_;  // Rows of older generations, by their routing hashes.
  std::uint64_t frames_left_ = 0;
};

/// The watermarks first: a row that is read after them includes what they say.
Result<void> ClusterAudit::read_store() {
  CounterStore& store = *parts_.store.store;
  watermarks_.assign(log().partitions(), kNoOffset);
  const auto marks = store.watermarks();
  if (!marks) return std::unexpected(marks.error());
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) != generation()) continue;
    if (mark.partition.value >= kPartitionsMax) return no_such(mark.partition);
    if (mark.partition.value >= watermarks_.size()) watermarks_.resize(mark.partition.value + std::size_t{1});
    watermarks_[mark.partition.value] = mark.offset;
  }
  last_ = watermarks_;
  older_.clear();
  // The range is all that is left, until there is more of it than there is room for. PostgreSQL's order is that of
  // ranges; Cassandra's is not: all of it is looked at for each.
  to_.reset();
  const bool ordered = config_.cluster.store_kind == "postgres";
  WaitingStore waiting(store, bell_, WaitingStore::kAnswerMsMax, interrupted_);
  for (std::optional<std::uint64_t> at = ordered ? from_ : 0; at && !(ordered && to_ && *at >= *to_);) {
    if (interrupted_()) return ended();
    const auto page = waiting.page(*at, kPageRows);
    if (!page) return std::unexpected(page.error());
    if (auto taken = take_rows(page->rows); !taken) return taken;
    if (auto bounded = bound_memory(rows_max_); !bounded) return bounded;
    at = page->next;
  }
  return {};
}

Result<void> ClusterAudit::take_rows(const RowBatch& rows) {
  for (const RowBatch::Item& item : rows.items()) {
    if (!in_range(item.routing)) continue;
    if (item.shard.generation != generation()) {
      older_.push_back(item.routing);
      continue;
    }
    const auto partition = item.shard.partition;
    if (partition.value >= kPartitionsMax) return no_such(partition);
    if (partition.value >= last_.size()) {
      last_.resize(partition.value + std::size_t{1});
      watermarks_.resize(last_.size());
    }
    last_[partition.value] = std::max(last_[partition.value], item.row.applied);
    AuditTable::Audited& audited = table_->at(partition, rows.space(item), rows.counter(item));
    audited.stored = item.row;
    audited.in_store = true;
    audited.routing = item.routing;
  }
  return {};
}

/// What the rows include is in the log by now: its ends are asked for anew.
Result<void> ClusterAudit::ask_for_ends() {
  const auto since = steady_clock_ms();
  std::vector<LogCompletion> none;
  const auto known = [&] {
    log().take_completions(none);
    for (std::uint16_t at = 0; at < log().partitions(); ++at) {
      if (steady_clock_ms() - log().bounds_age_ms(PartitionId{at}) < since) return false;
    }
    return log().partitions() >= partitions();
  };
  while (!known()) {
    if (interrupted_()) return ended();
    if (auto fine = log().health(); !fine) return fine;
    if (steady_clock_ms() - since > kStallMs) {
      if (log().partitions() < partitions()) return no_such(PartitionId{static_cast<std::uint16_t>(partitions() - 1)});
      return failure(Code::kTimeout, "the brokers have not said for a minute where the partitions of topic " +
                                         config_.cluster.kafka_topic + " end");
    }
    bell_.wait(kLookMs);
  }
  newest_.clear();
  frames_left_ = 0;
  for (std::uint16_t at = 0; at < partitions(); ++at) {
    const auto bounds = log().bounds(PartitionId{at});
    newest_.emplace_back(bounds.end.value - 1);
    last_[at] = std::min(last_[at], newest_.back());
    frames_left_ += last_[at].value - std::min(last_[at].value, bounds.begin.value - 1);
    if (!first_range_) continue;
    report_.base.value += bounds.begin.value - 1;
    report_.log_end.value += newest_.back().value;
  }
  return {};
}

/// Where a reading of the partition's log begins, and what is known of before.
Result<ClusterAudit::Reading> ClusterAudit::begin(PartitionId partition) {
  const AggregatorOptions options{config_.idempotency_window, config_.sources_max};
  Reading reading{partition, Aggregator({generation(), partition}, options)};
  reading.begin = log().bounds(partition).begin;
  reading.base = Offset{reading.begin.value - 1};
  reading.whole = reading.begin == Offset{1};
  if (reading.whole) return reading;
  reading.ids_known = false;
  if (!parts_.store.bases.newest) return reading;
  const auto base = parts_.store.bases.newest(partition, watermarks_[partition.value]);
  if (!base) return std::unexpected(base.error());
  if (!*base || (*base)->offset < reading.base) return reading;
  const auto of = generation_of_windows((*base)->windows);
  if (!of) return std::unexpected(of.error());
  if (*of != generation()) return reading;
  if (auto done = restore_windows((*base)->windows, std::span(&reading.aggregator, 1)); !done) {
    return std::unexpected(done.error());
  }
  reading.base = (*base)->offset;
  reading.ids_known = true;
  return reading;
}

Result<void> ClusterAudit::count(PartitionId partition) {
  const auto frames = report_.frames;
  const auto entries = report_.entries;
  for (int beginning = 0; beginning < kBeginningsMax; ++beginning) {
    report_.frames = frames;
    report_.entries = entries;
    auto reading = begin(partition);
    if (!reading) return std::unexpected(reading.error());
    table_->for_each([&](PartitionId of, AuditTable::Audited& audited) {
      if (of != partition) return;
      audited.fresh = Shard{};
      audited.later_entries = 0;
      audited.whole = reading->whole;
    });
    const auto done = count_from(*reading);
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
  }
  return failure(Code::kBusy, named(partition) + " is being trimmed faster than it can be read");
}

/// Answers false where the log was trimmed meanwhile.
Result<bool> ClusterAudit::count_from(Reading& reading) {
  const auto partition = reading.partition;
  auto next = reading.begin;
  log().seek(partition, next);
  std::vector<LogCompletion> none;
  for (auto given_at = steady_clock_ms(); next <= last_[partition.value];) {
    if (interrupted_()) return ended();
    log().take_completions(none);
    const auto stretch = log().read(partition, next, kStretchBytes);
    if (log().bounds(partition).begin > next) break;
    if (!stretch) return std::unexpected(stretch.error());
    if (stretch->frames.empty()) {
      if (steady_clock_ms() - given_at > kStallMs) {
        return failure(Code::kTimeout, named(partition) + ": no frames came from Kafka for a minute");
      }
      bell_.wait(kLookMs);
      continue;
    }
    given_at = steady_clock_ms();
    for (const LogRead::Item& item : stretch->frames) {
      if (item.offset > last_[partition.value]) break;
      if (item.offset != next) {
        return failure(Code::kDamaged, named(partition) + ": offset " + std::to_string(item.offset.value) +
                                           " was read where offset " + std::to_string(next.value) + " is");
      }
      if (auto done = replay(reading, item, stretch->frame(item)); !done) return std::unexpected(done.error());
      ++next.value;
      frames_left_ -= std::min<std::uint64_t>(frames_left_, 1);
    }
    // The log may name counters that the store does not have.
    if (auto bounded = bound_memory(2 * rows_max_); !bounded) return std::unexpected(bounded.error());
    if (progress_) progress_(frames_left_);
  }
  log().forget(partition);
  return next > last_[partition.value];
}

Result<void> ClusterAudit::replay(Reading& reading, const LogRead::Item& item, ByteView bytes) {
  const auto place = named(reading.partition) + ", offset " + std::to_string(item.offset.value);
  const auto frame = decode_frame(bytes);
  if (!frame) return failure(Code::kDamaged, place + ": " + frame.error().what);
  const FrameHeader& header = frame->header();
  if (header.identity != parts_.identity.log || header.partition != reading.partition) {
    return failure(Code::kDamaged, place + ": the frame is of another log or partition");
  }
  Aggregator& aggregator = reading.aggregator;
  // Of a chain whose beginning is not kept, nobody can tell whether its first frames stood there before.
  if (!reading.whole && header.number > 1 && aggregator.chains().last(header.writer) == 0) {
    aggregator.chains().take_up(header.writer, header.number - 1);
    reading.doubtful[header.writer] = header.number + kFramesInDoubt;
  }
  const auto verdict = aggregator.chains().accept(header.writer, header.number);
  if (first_range_) ++report_.frames;
  if (verdict == ChainTable::Verdict::kGap) return failure(Code::kDamaged, place + ": frames before it are missing");
  if (verdict == ChainTable::Verdict::kDrop) {
    if (item.offset > reading.base) aggregator.see_ids(*frame);
    return {};
  }
  const auto doubt = reading.doubtful.find(header.writer);
  const bool certain = doubt == reading.doubtful.end() || header.number >= doubt->second;
  count_frame(reading, *frame, item.offset, certain, verdict == ChainTable::Verdict::kOld);
  return {};
}

void ClusterAudit::count_frame(Reading& reading, const Frame& frame, Offset offset, bool certain, bool ids_alone) {
  Aggregator& aggregator = reading.aggregator;
  const auto watermark = watermarks_[reading.partition.value];
  auto entries = frame.entries();
  for (Entry entry; entries.next(entry);) {
    if (first_range_) ++report_.entries;
    if (ids_alone && entry.group != GroupKind::kIds) continue;
    bool surely = certain;
    if (entry.group == GroupKind::kSource) {
      const bool known = reading.whole || entry.sequence == 1 || aggregator.sources().last(entry.source) != 0;
      if (!aggregator.sources().advance(entry.source, entry.sequence, offset)) continue;
      surely &= known;
    }
    if (offset <= reading.base) continue;
    if (entry.group == GroupKind::kIds) {
      if (aggregator.ids().appear(entry.id, entry.time) != IdWindow::Verdict::kNew) continue;
      surely &= reading.ids_known;
    }
    const auto routing = routing_hash(parts_.identity.secret, entry.space, entry.counter);
    if (!in_range(routing)) continue;
    AuditTable::Audited& audited = table_->at(reading.partition, entry.space, entry.counter);
    if (!audited.in_store && audited.routing == 0) {  // It is new.
      audited.routing = routing;
      audited.whole = reading.whole;
    }
    table_->apply(audited, entry, offset, watermark);
    audited.whole &= surely;
  }
}

/// Where there is more than room for `rows_max` rows, the upper half of the range is left for later.
Result<void> ClusterAudit::bound_memory(std::size_t rows_max) {
  while (table_->size() + older_.size() > rows_max) {
    std::vector<std::uint64_t> all = older_;
    all.reserve(all.size() + table_->size());
    table_->for_each([&](PartitionId, AuditTable::Audited& audited) { all.push_back(audited.routing); });
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::ranges::nth_element(all, middle);
    if (*middle <= from_) return failure(Code::kTooLarge, "memory.table_bytes does not hold the rows of one counter");
    to_ = *middle;
    table_->drop_if([this](const AuditTable::Audited& audited) { return !in_range(audited.routing); });
    std::erase_if(older_, [this](auto routing) { return !in_range(routing); });
  }
  return {};
}

}  // namespace

Result<AuditReport> audit_cluster(const Config& config, const std::function<void(std::uint64_t)>& progress,
                                  const std::function<bool()>& interrupted) {
  if (config.cluster.store_kind == "cassandra-counters") {
    return failure(Code::kRefused,
                   "store.kind = \"cassandra-counters\": it counts at least once, and its rows do not say what of the "
                   "log they include");
  }
  tell_on_standard_error();
  return ClusterAudit(config, progress, interrupted).run();
}

}  // namespace quipu
