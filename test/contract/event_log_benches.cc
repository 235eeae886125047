#include <gtest/gtest.h>

#include <filesystem>
#include <semaphore>
#include <string>

#include "contract/event_log_contract.h"
#include "log/log_samples.h"
#include "log/memory_log.h"
#include "log/memory_log_disk.h"
#include "log/posix_log_disk.h"
#include "log/segment_log.h"

namespace quipu::testing_contract {
namespace {

constexpr std::size_t kPendingBytes = std::size_t{256} << 10;

SegmentLogOptions segment_options() {
  SegmentLogOptions options;
  options.identity = testing_log::sample_identity();
  options.partitions = 3;
  options.segment_bytes = std::size_t{512} << 10;
  options.pending_bytes = kPendingBytes;
  options.retain_bytes = 0;
  options.tail_bytes = std::size_t{64} << 10;
  return options;
}

class SegmentBench : public LogBench {
 public:
  EventLog& log() override { return *log_; }

 protected:
  void open(LogDisk& disk) {
    auto opened = SegmentLog::open(disk, segment_options(), 1'000);
    ASSERT_TRUE(opened) << opened.error().what;
    log_ = std::move(*opened);
  }
  std::unique_ptr<SegmentLog> log_;
};

class SegmentsInMemory final : public SegmentBench {
 public:
  SegmentsInMemory() { open(disk_); }
  ~SegmentsInMemory() override { log_.reset(); }
  void reopen() override {
    log_.reset();
    open(disk_);
  }
  void wait() override {}

 private:
  MemoryLogDisk disk_;
};

class SegmentsOnDisk final : public SegmentBench {
 public:
  SegmentsOnDisk() : directory_(testing::TempDir() + "/quipu-log-XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    begin();
  }
  ~SegmentsOnDisk() override {
    end();
    std::filesystem::remove_all(directory_);
  }
  void reopen() override {
    end();
    begin();
  }
  void wait() override { woken_.acquire(); }

 private:
  void begin() {
    auto disk = PosixLogDisk::open(directory_ + "/log", {.wake = [this] { woken_.release(); }, .free_bytes_min = 0});
    ASSERT_TRUE(disk) << disk.error().what;
    disk_ = std::move(*disk);
    open(*disk_);
  }
  void end() {
    log_.reset();
    disk_.reset();
  }

  std::string directory_;
  std::counting_semaphore<> woken_{0};
  std::unique_ptr<PosixLogDisk> disk_;
};

class RemoteInMemory final : public LogBench {
 public:
  EventLog& log() override { return log_; }
  void reopen() override {}  // A broker goes on while its clients come and go.
  void wait() override {}

 private:
  static MemoryLogOptions options() {
    MemoryLogOptions options;
    options.identity = testing_log::sample_identity();
    options.partitions = 3;
    options.pending_bytes = kPendingBytes;
    options.group_bytes_max = kPendingBytes;
    return options;
  }
  MemoryLog log_{options()};
};

}  // namespace

/// Segments in memory, segments in a temporary directory of their own, and a log that behaves as a remote one.
std::vector<LogUnderTest> logs_under_test() {
  return {{"SegmentsInMemory", [] { return std::make_unique<SegmentsInMemory>(); }},
          {"SegmentsOnDisk", [] { return std::make_unique<SegmentsOnDisk>(); }},
          {"RemoteInMemory", [] { return std::make_unique<RemoteInMemory>(); }}};
}

}  // namespace quipu::testing_contract
