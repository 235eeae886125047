#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/aggregator.h"
#include "event/frame.h"
#include "log/event_log.h"

namespace quipu {

/// Reads a log with the aggregator, as a worker that owns all partitions does, and keeps every counter in memory.
/// RESETs are passed on to all other partitions.
class Replayer {
 public:
  Replayer(EventLog& log, const HashSecret& secret, std::size_t ids_max = 1'000)
      : log_(log),
        spaces(1'000, true, 1),
        totals(5, secret, log.identity().generation, log.partitions()),
        next_(log.partitions(), Offset{1}) {
    totals.set_complete(true);
    for (std::uint16_t p = 0; p < log.partitions(); ++p) {
      partitions.emplace_back(ShardId{log.identity().generation, PartitionId{p}}, AggregatorOptions{ids_max, 1'000});
    }
  }

  /// Reads to the end of every partition. False, with `gap`, when a chain has a gap.
  bool read_all() {
    for (bool more = true; more;) {
      more = false;
      for (std::uint16_t p = 0; p < log_.partitions(); ++p) {
        const auto read = log_.read(PartitionId{p}, next_[p], 1 << 20);
        EXPECT_TRUE(read.has_value()) << read.error().what;
        for (const auto& item : read->frames) {
          const auto frame = decode_frame(read->frame(item));
          EXPECT_TRUE(frame.has_value()) << frame.error().what;
          if (!apply(*frame, PartitionId{p}, item.offset)) return false;
        }
        more |= !read->frames.empty();
        next_[p] = read->next;
      }
    }
    return true;
  }

  std::int64_t total(std::string_view counter, std::string_view space = "default") {
    const auto total = totals.table().total(spaces.restore(space), counter);
    return total ? total->value : 0;
  }
  /// How far a partition was read.
  Offset read(PartitionId partition) const { return Offset{next_[partition.value].value - 1}; }

 private:
  EventLog& log_;

 public:
  NamespaceRegistry spaces;
  LiveTotals totals;
  std::vector<Aggregator> partitions;
  std::string gap;

 private:
  bool apply(const Frame& frame, PartitionId partition, Offset offset) {
    std::vector<Aggregator::Reset> resets;
    std::uint64_t saturations = 0;
    const auto done = partitions[partition.value].replay(frame, offset, totals, spaces, resets, saturations);
    if (!done) {
      gap = done.error().what;
      return false;
    }
    for (const auto& reset : resets) pass_on(reset, partition);
    return true;
  }

  void pass_on(const Aggregator::Reset& reset, PartitionId home) {
    const Counter& counter = totals.table().at(reset.counter);
    for (std::uint16_t p = 0; p < log_.partitions(); ++p) {
      if (PartitionId{p} == home) continue;
      FrameHeader header;
      header.identity = log_.identity();
      header.partition = PartitionId{p};
      encoder_.begin(header);
      Entry entry;
      entry.kind = EntryKind::kReset;
      entry.events = 0;
      entry.epoch = reset.epoch;
      entry.space = spaces.name(counter.space);
      entry.counter = totals.table().name(counter);
      encoder_.add(entry);
      EXPECT_TRUE(log_.submit(PartitionId{p}, encoder_.finish(), ++token_).has_value());
    }
    log_.commit();  // Its completions come to who takes the log's: nobody knows their tokens.
  }

  std::vector<Offset> next_;
  FrameEncoder encoder_;
  std::uint64_t token_ = std::uint64_t{1} << 60;  // Apart from those of other writers.
};

}  // namespace quipu
