#include "node/audit.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "aggregate/aggregator.h"
#include "aggregate/base_windows.h"
#include "aggregate/partition_state.h"
#include "event/frame.h"
#include "log/posix_log_disk.h"
#include "log/salvaged_log.h"
#include "node/audit_table.h"
#include "node/data_directory.h"
#include "store/base_files.h"
#include "store/rocksdb_database.h"

namespace quipu {
namespace {

constexpr std::size_t kStretchBytes = std::size_t{1} << 20;

class Audit {
 public:
  Audit(const Config& config, DataDirectory directory)
      : config_(config), directory_(std::move(directory)), table_(generation(), directory_.secret().low) {
    const AggregatorOptions options{config.idempotency_window, config.sources_max};
    for (std::uint16_t i = 0; i < directory_.partitions(); ++i) {
      partitions_.emplace_back(ShardId{generation(), PartitionId{i}}, options);
    }
    watermarks_.resize(directory_.partitions());
  }

  Result<AuditReport> run(const std::function<void(std::uint64_t)>& progress, const std::function<bool()>& interrupted);

 private:
  Generation generation() const { return directory_.log_identity().generation; }
  Result<void> read_store();
  Result<void> open_log();
  Result<void> begin();
  Result<void> begin_with(const BaseFiles& bases, Offset base);
  Result<void> replay(const LogRead& stretch);
  void replay(const Frame& frame, Offset offset, Aggregator& partition, bool ids_alone);
  template <class Take>
  Result<void> for_each_row(const RocksdbDatabase& store, Take take) const;

  const Config& config_;
  DataDirectory directory_;
  std::unique_ptr<PosixLogDisk> disk_;
  std::optional<SalvagedLog> log_;
  std::vector<Aggregator> partitions_;
  std::vector<Offset> watermarks_;  // Of the store: every entry at or below them must be in it.
  AuditTable table_;
  AuditReport report_;
};

template <class Take>
Result<void> Audit::for_each_row(const RocksdbDatabase& store, Take take) const {
  StoreScan scan;
  while (true) {
    RowBatch rows;
    const auto next = store.scan(scan, rows);
    if (!next) return std::unexpected(next.error());
    for (const RowBatch::Item& item : rows.items()) {
      const auto partition = item.shard.partition.value;
      if (item.shard.generation == generation() && partition >= watermarks_.size()) {
        return failure(Code::kDamaged, "the store has a row of partition " + std::to_string(partition) +
                                           ", the log only " + std::to_string(watermarks_.size()) + " partitions");
      }
      take(rows.space(item), rows.counter(item), item);
    }
    if (!*next) return {};
    scan.from = **next;
  }
}

Result<void> Audit::read_store() {
  const auto store = RocksdbDatabase::open_to_read(directory_.store_dir(), {});
  if (!store) return std::unexpected(store.error());
  const auto marks = (*store)->watermarks();
  if (!marks) return std::unexpected(marks.error());
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) != generation()) continue;
    if (mark.partition.value >= watermarks_.size()) {
      return failure(Code::kDamaged, "the store has a watermark of partition " + std::to_string(mark.partition.value) +
                                         ", the log only " + std::to_string(watermarks_.size()) + " partitions");
    }
    watermarks_[mark.partition.value] = mark.offset;
  }
  return for_each_row(**store, [&](std::string_view space, std::string_view counter, const RowBatch::Item& item) {
    if (item.shard.generation != generation()) {
      ++report_.older_rows;
      return;
    }
    AuditTable::Audited& audited = table_.at(item.shard.partition, space, counter);
    audited.stored = item.row;
    audited.in_store = true;
  });
}

Result<void> Audit::open_log() {
  std::error_code error;
  const bool there = std::filesystem::is_directory(directory_.log_dir(), error);
  if (!there) return failure(Code::kDamaged, directory_.log_dir() + ": there is no log");
  auto disk = PosixLogDisk::open(directory_.log_dir(), {.only_read = true});
  if (!disk) return std::unexpected(disk.error());
  disk_ = std::move(*disk);
  SalvageOptions options;
  options.identity = directory_.log_identity();
  options.partitions = directory_.partitions();
  options.counted = *std::ranges::min_element(watermarks_);
  options.counted_newest = *std::ranges::max_element(watermarks_);
  auto log = SalvagedLog::open(disk_.get(), options);
  if (!log) return std::unexpected(log.error());
  log_.emplace(std::move(*log));
  for (const auto& hole : {log_->lost(), log_->passed_over()}) {
    if (hole && hole->certain()) return failure(Code::kDamaged, "the log can not be read whole: " + hole->reason);
  }
  report_.log_end = Offset{log_->bounds(PartitionId{0}).end.value - 1};
  return {};
}

/// The tables as of where the replay begins: empty where the log is whole, else those of the oldest base that the log
/// goes on from.
Result<void> Audit::begin() {
  const auto first = log_->read(std::nullopt, Offset{1}, 1);
  if (!first) return std::unexpected(first.error());
  const auto begins = first->frames.empty() ? Offset{report_.log_end.value + 1} : first->frames.front().offset;
  if (begins == Offset{1}) return {};
  const auto bases = BaseFiles::open_to_read(directory_.bases_dir());
  if (!bases) return std::unexpected(bases.error());
  for (const Offset offset : bases->offsets()) {
    if (offset.value + 1 < begins.value) continue;
    const auto base = bases->read(offset);
    if (!base) return std::unexpected(base.error());
    const auto of = generation_of_windows(base->windows);
    if (!of) return std::unexpected(of.error());
    if (*of != generation()) continue;
    if (auto restored = restore_windows(base->windows, partitions_); !restored) return restored;
    return begin_with(*bases, offset);
  }
  return failure(Code::kDamaged, "the log begins at offset " + std::to_string(begins.value) +
                                     ", and there is no base that it goes on from");
}

Result<void> Audit::begin_with(const BaseFiles& bases, Offset base) {
  report_.base = base;
  const auto store = RocksdbDatabase::open_to_read(bases.checkpoint_path(base), {});
  if (!store) return std::unexpected(store.error());
  const auto marks = (*store)->watermarks();
  if (!marks) return std::unexpected(marks.error());
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) != generation() || mark.partition.value >= partitions_.size()) continue;
    ByteCursor cursor(mark.chains);
    cursor.take<std::uint32_t>();
    auto chains = ChainTable::decode(ByteView(mark.chains).subspan(cursor.position()));
    if (!chains) return std::unexpected(chains.error());
    partitions_[mark.partition.value].restore_chains(std::move(*chains));
    partitions_[mark.partition.value].set_read(mark.offset);
  }
  const auto sources = (*store)->sources();
  if (!sources) return std::unexpected(sources.error());
  for (SourceRow row : *sources) {
    if (row.partition.value >= partitions_.size()) continue;
    Aggregator& partition = partitions_[row.partition.value];
    if (row.touched > partition.read()) row.touched = kNoOffset;  // In the log of an older generation.
    partition.sources().restore(row);
  }
  return for_each_row(**store, [&](std::string_view space, std::string_view counter, const RowBatch::Item& item) {
    if (item.shard.generation != generation()) return;
    table_.at(item.shard.partition, space, counter).fresh.row = item.row;
  });
}

Result<void> Audit::replay(const LogRead& stretch) {
  for (const LogRead::Item& item : stretch.frames) {
    const auto frame = decode_frame(stretch.frame(item));
    if (!frame) {
      return failure(Code::kDamaged, "offset " + std::to_string(item.offset.value) + ": " + frame.error().what);
    }
    ++report_.frames;
    Aggregator& partition = partitions_[item.partition.value];
    if (item.offset <= partition.read()) {
      partition.see_ids(*frame);
      continue;
    }
    const auto verdict = partition.chains().accept(frame->header().writer, frame->header().number);
    if (verdict == ChainTable::Verdict::kGap) {
      return failure(Code::kDamaged, "partition " + std::to_string(item.partition.value) + ", offset " +
                                         std::to_string(item.offset.value) + ": frames before it are missing");
    }
    if (verdict == ChainTable::Verdict::kDrop) {
      partition.see_ids(*frame);
    } else {
      replay(*frame, item.offset, partition, verdict == ChainTable::Verdict::kOld);
    }
  }
  return {};
}

void Audit::replay(const Frame& frame, Offset offset, Aggregator& partition, bool ids_alone) {
  const auto number = partition.shard().partition;
  auto entries = frame.entries();
  for (Entry entry; entries.next(entry);) {
    ++report_.entries;
    if (ids_alone && entry.group != GroupKind::kIds) continue;
    if (entry.group == GroupKind::kIds && partition.ids().appear(entry.id, entry.time) != IdWindow::Verdict::kNew) {
      continue;
    }
    if (entry.group == GroupKind::kSource && !partition.sources().advance(entry.source, entry.sequence, offset)) {
      continue;
    }
    table_.apply(table_.at(number, entry.space, entry.counter), entry, offset, watermarks_[number.value]);
  }
}

Result<AuditReport> Audit::run(const std::function<void(std::uint64_t)>& progress,
                               const std::function<bool()>& interrupted) {
  if (auto read = read_store(); !read) return std::unexpected(read.error());
  if (auto opened = open_log(); !opened) return std::unexpected(opened.error());
  if (auto begun = begin(); !begun) return std::unexpected(begun.error());
  for (auto next = Offset{report_.base.value + 1};;) {
    if (interrupted && interrupted()) return failure(Code::kTimeout, "interrupted; nothing was changed");
    const auto stretch = log_->read(std::nullopt, next, kStretchBytes);
    if (!stretch) return std::unexpected(stretch.error());
    if (stretch->frames.empty()) break;
    if (auto done = replay(*stretch); !done) return std::unexpected(done.error());
    next = stretch->next;
    if (progress) progress(report_.log_end.value + 1 - std::min(next.value, report_.log_end.value + 1));
  }
  table_.compare(watermarks_, {}, report_);
  return std::move(report_);
}

}  // namespace

Result<AuditReport> audit(const Config& config, const std::function<void(std::uint64_t)>& progress,
                          const std::function<bool()>& interrupted) {
  auto directory = DataDirectory::hold(config.data_dir);
  if (!directory) return std::unexpected(directory.error());
  return Audit(config, std::move(*directory)).run(progress, interrupted);
}

}  // namespace quipu
