#pragma once

#include <memory>
#include <string>
#include <vector>

#include "log/log_samples.h"
#include "log/memory_log_disk.h"
#include "log/segment_format.h"
#include "log/segment_log.h"

namespace quipu::testing_log {

/// A segment log over a disk in memory, with everything in the test's hands.
struct SegmentWorld {
  MemoryLogDisk disk;
  SegmentLogOptions options;
  std::unique_ptr<SegmentLog> log;
  TimeMs now = 1'000'000;
  std::uint64_t next = 1;  ///< What the next frame says; equal to its offset as long as nothing is lost.

  SegmentWorld() {
    options.identity = sample_identity();
    options.partitions = 4;
    options.segment_bytes = kSegmentBytesMin;
    options.tail_bytes = 16 << 10;
  }
  ~SegmentWorld() { log.reset(); }

  /// Opens what is on the disk; the error's text, or "" when it is open.
  std::string open() {
    log.reset();
    auto opened = SegmentLog::open(disk, options, now);
    if (!opened) return opened.error().what;
    log = std::move(*opened);
    return "";
  }

  void submit(std::size_t extra = 0) {
    const auto partition = static_cast<std::uint16_t>(next % options.partitions);
    const auto done = log->submit(PartitionId(partition), sample_frame(partition, next, extra), next);
    ASSERT_TRUE(done) << done.error().what;
    ++next;
  }

  std::vector<LogCompletion> take() {
    std::vector<LogCompletion> done;
    log->tick(now);
    log->take_completions(done);
    return done;
  }

  /// One group of `count` frames, durable when it returns.
  void write_group(int count = 1, std::size_t extra = 0) {
    log->tick(now);
    for (int i = 0; i < count; ++i) submit(extra);
    log->commit();
    do {
      for (const auto& done : take()) ASSERT_TRUE(done.offset) << done.offset.error().what;
    } while (log->committing());
  }

  /// Everything that is kept, or the error's text.
  Result<std::vector<Said>> all() { return read_all(*log, std::nullopt, log->bounds({}).begin); }

  /// Whether the log holds exactly the frames from its begin to `last`.
  void expect_holds(std::uint64_t last) {
    const auto read = all();
    ASSERT_TRUE(read) << read.error().what;
    auto expected = log->bounds({}).begin.value;
    for (const auto& said : *read) {
      ASSERT_EQ(said.offset.value, expected);
      ASSERT_EQ(said.number, expected);
      ASSERT_EQ(said.partition.value, expected % options.partitions);
      ++expected;
    }
    EXPECT_EQ(expected - 1, last);
    EXPECT_EQ(log->bounds({}).end.value, last + 1);
  }

  /// Leaves three segments with several groups each, and a spare. The log itself is closed then.
  void write_three_segments() {
    EXPECT_EQ(open(), "");
    while (log->stats().segments < 3) write_group(3, 1'500);
    for (int i = 0; i < 4; ++i) write_group(2, 2'500);
    log.reset();
  }

  /// Where the groups of a segment begin, by its bytes.
  std::vector<std::pair<std::uint64_t, GroupHeader>> groups(SegmentNumber segment) {
    std::vector<std::pair<std::uint64_t, GroupHeader>> found;
    const auto& bytes = disk.segments().at(segment);
    const auto seed = segment_seed(options.identity, segment);
    for (std::size_t at = kBlockBytes; at < bytes.size(); at += kBlockBytes) {
      if (auto header = decode_group_header(ByteView(bytes).subspan(at), seed)) found.emplace_back(at, *header);
    }
    return found;
  }
};

}  // namespace quipu::testing_log
