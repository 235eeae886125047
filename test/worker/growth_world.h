#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "event/frame.h"
#include "log/memory_log.h"
#include "store/flushed_mark.h"
#include "store/memory_store.h"
#include "store/open_partitions.h"
#include "worker/in_order_appender.h"

namespace quipu::testing_worker {

inline constexpr Generation kGrowing{3};
inline constexpr HashSecret kGrowthSecret{1, 2};

/// A log whose last partition was added to the others, and a store.
struct GrowthWorld {
  explicit GrowthWorld(std::uint16_t partitions) : log(options(partitions)) {}

  static MemoryLogOptions options(std::uint16_t partitions) {
    MemoryLogOptions made;
    made.identity.generation = kGrowing;
    made.partitions = partitions;
    return made;
  }
  static Epoch epoch(std::uint64_t offset) { return epoch_of(kGrowing, Offset{offset}); }

  void add_row(const std::string& counter, std::uint16_t partition, Epoch epoch) {
    StoreWrite write;
    write.rows.add(routing_hash(kGrowthSecret, "views", counter), "views", counter, {kGrowing, PartitionId{partition}},
                   {5, 1, epoch, Offset{1}, 0});
    give(std::move(write));
  }
  void add_frames(std::uint16_t partition, int count) { add_frames(partition, count, log.identity()); }
  void add_frames(std::uint16_t partition, int count, const LogIdentity& identity) {
    for (int i = 0; i < count; ++i) {
      FrameHeader header;
      header.identity = identity;
      header.partition = PartitionId{partition};
      FrameEncoder encoder;
      encoder.begin(header);
      Entry entry;
      entry.space = "views";
      entry.counter = "any";
      entry.delta = 1;
      encoder.add(entry);
      ASSERT_TRUE(log.submit(header.partition, encoder.finish(), 0));
    }
    log.commit();
    std::vector<LogCompletion> done;
    log.take_completions(done);
  }
  void put_watermark(std::uint16_t partition, std::uint64_t offset, Generation generation = kGrowing) {
    StoreWrite write;
    Watermark& mark = write.watermarks.emplace_back();
    mark.partition = PartitionId{partition};
    mark.offset = Offset{offset};
    put(mark.chains, generation.value);
    give(std::move(write));
  }
  void put_flushed(std::uint16_t partition, std::uint64_t offset) {
    StoreWrite write;
    const FlushedMark mark{PartitionId{partition}, kGrowing, Offset{offset}, 1};
    write.settings.emplace_back(flushed_setting(mark.partition), flushed_text(mark));
    give(std::move(write));
  }
  void put_open(std::uint16_t partitions) {
    StoreWrite write;
    write.settings.emplace_back(std::string(kOpenPartitionsSetting), open_partitions_text({kGrowing, partitions}));
    give(std::move(write));
  }
  void give(StoreWrite write) {
    store.write(std::move(write));
    store.perform(1);
    std::vector<StoreCompletion> done;
    store.take_completions(done);
  }

  std::uint16_t open(std::uint16_t first) {
    return open_partitions_in(store.settings().value(), kGrowing, first).value();
  }
  std::uint64_t frames(std::uint16_t partition) const { return log.bounds(PartitionId{partition}).end.value - 1; }
  /// The RESETs of a partition, as `counter epoch`, in their order.
  std::vector<std::string> resets(std::uint16_t partition) {
    std::vector<std::string> found;
    const auto read = log.read(PartitionId{partition}, Offset{1}, std::size_t{1} << 20).value();
    for (const auto& item : read.frames) {
      const auto frame = decode_frame(read.frame(item)).value();
      auto entries = frame.entries();
      for (Entry entry; entries.next(entry);) {
        if (entry.kind == EntryKind::kReset) {
          found.push_back(std::string(entry.counter) + " " + std::to_string(entry.epoch.value));
        }
      }
    }
    return found;
  }
  static std::string told(const std::string& counter, std::uint64_t offset) {
    return counter + " " + std::to_string(epoch(offset).value);
  }

  MemoryLog log;
  MemoryStore store;
};

}  // namespace quipu::testing_worker
