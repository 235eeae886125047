#include "cluster/epoch_writer.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cluster/shared_parts.h"
#include "event/entry.h"
#include "node/node_clock.h"
#include "worker/in_order_appender.h"

namespace quipu {
namespace {

constexpr std::size_t kRowsPerPage = 100'000;
constexpr std::size_t kEntriesPerFrame = 256;
constexpr std::int64_t kResendMs = 500;
constexpr std::int64_t kLookMs = 100;
/// A log that takes no frame for so long is taken for one that never will.
constexpr std::int64_t kStallMs = 60'000;

/// The highest epoch of each counter of a page that was reset.
std::map<std::pair<std::string, std::string>, Epoch> epochs_of(const RowBatch& rows) {
  std::map<std::pair<std::string, std::string>, Epoch> epochs;
  for (const auto& item : rows.items()) {
    if (item.row.epoch == Epoch{}) continue;
    Epoch& newest = epochs[{std::string(rows.space(item)), std::string(rows.counter(item))}];
    newest = std::max(newest, item.row.epoch);
  }
  return epochs;
}

class EpochWriter {
 public:
  EpochWriter(const WaitingStore& store, EventLog& log, PartitionId first, Doorbell& bell)
      : store_(store), log_(log), first_(first), bell_(bell), appender_(log, new_node(), kResendMs) {}

  Result<void> append(const RowBatch& rows) {
    const auto epochs = epochs_of(rows);
    counters_ += epochs.size();
    std::vector<Entry> entries;
    for (const auto& [name, epoch] : epochs) {
      Entry& entry = entries.emplace_back();
      entry.kind = EntryKind::kReset;
      entry.events = 0;
      entry.space = name.first;
      entry.counter = name.second;
      entry.epoch = epoch;
      entry.time = wall_clock_ms();
      if (entries.size() < kEntriesPerFrame) continue;
      if (auto sent = send(entries); !sent) return sent;
      entries.clear();
    }
    return entries.empty() ? Result<void>() : send(entries);
  }
  std::uint64_t counters() const { return counters_; }

 private:
  /// One frame to each partition, and waits until all have it.
  Result<void> send(const std::vector<Entry>& entries) {
    const auto partitions = log_.partitions();
    for (auto at = first_.value; at < partitions; ++at) appender_.append(PartitionId{at}, entries, at);
    std::size_t left = partitions - first_.value;
    std::vector<EntryAppender::Appended> appended;
    for (auto until = steady_clock_ms() + kStallMs; left > 0; bell_.wait(kLookMs)) {
      if (store_.interrupted()) return failure(Code::kTimeout, "interrupted while the log was waited for");
      appended.clear();
      appender_.step(steady_clock_ms(), wall_clock_ms(), appended);
      for (const auto& each : appended) {
        if (!each.offset) return std::unexpected(each.offset.error());
        --left;
        until = steady_clock_ms() + kStallMs;
      }
      if (left > 0 && steady_clock_ms() >= until)
        return failure(Code::kTimeout, "the log has taken nothing for a minute");
    }
    return {};
  }

  const WaitingStore& store_;
  EventLog& log_;
  PartitionId first_;
  Doorbell& bell_;
  InOrderAppender appender_;
  std::uint64_t counters_ = 0;
};

}  // namespace

Result<std::uint64_t> write_epochs(WaitingStore& store, EventLog& log, PartitionId first, Doorbell& bell) {
  EpochWriter writer(store, log, first, bell);
  auto written = store.scan(kRowsPerPage, [&writer](const RowBatch& rows) { return writer.append(rows); });
  if (!written) return std::unexpected(written.error());
  return writer.counters();
}

}  // namespace quipu
