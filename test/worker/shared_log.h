#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/frame.h"
#include "log/event_log.h"

namespace quipu::testing_worker {

inline LogIdentity test_identity(std::uint32_t generation = 1) {
  LogIdentity identity;
  identity.random.fill(std::byte{5});
  identity.generation = Generation{generation};
  return identity;
}

/// A log that outlives the workers: what a broker keeps. Each partition has offsets of its own, without gaps.
class SharedLog {
 public:
  explicit SharedLog(std::uint16_t partitions) : partitions_(partitions) {}

  /// Is told of each frame as it gets its offset.
  std::function<void(PartitionId, Offset, ByteView)> appended = [](PartitionId, Offset, ByteView) {};

  std::uint16_t partitions() const { return static_cast<std::uint16_t>(partitions_.size()); }
  void add_partition() { partitions_.emplace_back(); }

  Offset append(PartitionId partition, ByteView frame) {
    Kept& kept = partitions_[partition.value];
    const auto offset = kept.end();
    kept.frames.emplace_back(frame.begin(), frame.end());
    appended(partition, offset, frame);
    return offset;
  }
  LogBounds bounds(PartitionId partition) const {
    const Kept& kept = partitions_[partition.value];
    return {kept.begin, kept.end()};
  }
  void trim(PartitionId partition, Offset below) {
    Kept& kept = partitions_[partition.value];
    for (; !kept.frames.empty() && kept.begin < below; ++kept.begin.value) kept.frames.pop_front();
  }
  /// What an unclean election does: the newest frames are gone.
  void cut(PartitionId partition, Offset end) {
    Kept& kept = partitions_[partition.value];
    while (kept.end() > end) kept.frames.pop_back();
  }
  Bytes& frame(PartitionId partition, Offset offset) {
    Kept& kept = partitions_[partition.value];
    return kept.frames[offset.value - kept.begin.value];
  }

 private:
  struct Kept {
    Offset begin{1};
    std::deque<Bytes> frames;
    Offset end() const { return Offset(begin.value + frames.size()); }
  };
  std::vector<Kept> partitions_;
};

/// One process's way to the shared log.
class LogView final : public EventLog {
 public:
  enum class Fate : std::uint8_t { kAcknowledged, kWrittenUnknown, kLostUnknown, kRefused };

  explicit LogView(SharedLog& log) : log_(log), identity_(test_identity()) {}

  /// What a frame that is sent meets.
  std::function<Fate()> fate = [] { return Fate::kAcknowledged; };
  /// Whether a read that could have something answers "not here yet".
  std::function<bool()> not_yet = [] { return false; };
  std::optional<Error> read_error;
  /// How many partitions this process knows of; all that there are where it is not said. And since when.
  std::optional<std::uint16_t> known_partitions;
  std::int64_t partitions_age = 0;
  /// How old what it knows of the ends may be.
  std::int64_t bounds_age = 0;
  /// How many bytes of frames wait to be sent: held back while true.
  bool held = false;

  const LogIdentity& identity() const override { return identity_; }
  std::uint16_t partitions() const override { return known_partitions.value_or(log_.partitions()); }
  std::int64_t partitions_age_ms() const override { return partitions_age; }
  std::int64_t bounds_age_ms(PartitionId) const override { return bounds_age; }
  bool commits_atomically() const override { return false; }
  LogBounds bounds(PartitionId partition) const override { return log_.bounds(partition); }
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override { return std::size_t{1} << 20; }
  std::size_t group_bytes_max() const override { return std::size_t{1} << 20; }
  Error room_error() const override { return {Code::kBusy, "full", 1}; }
  Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) override {
    waiting_.push_back({partition, token, Bytes(frame.begin(), frame.end())});
    return {};
  }
  void commit() override {}
  bool committing() const override { return !waiting_.empty(); }
  void take_completions(std::vector<LogCompletion>& out) override {
    if (held) return;
    for (const Waiting& waiting : std::exchange(waiting_, {})) {
      const auto what = fate();
      LogCompletion completion{waiting.token, failure(Code::kUnknown, "no answer")};
      if (what == Fate::kRefused) completion.offset = busy("not now", 1);
      if (what == Fate::kAcknowledged || what == Fate::kWrittenUnknown) {
        const auto offset = log_.append(waiting.partition, waiting.frame);
        if (what == Fate::kAcknowledged) completion.offset = offset;
      }
      out.push_back(std::move(completion));
    }
  }
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override {
    if (read_error) return std::unexpected(*read_error);
    const auto bounds = log_.bounds(*partition);
    if (from < bounds.begin || from > bounds.end) {
      return failure(Code::kRefused, "offset " + std::to_string(from.value) + " is not kept");
    }
    LogRead out;
    out.next = from;
    if (not_yet()) return out;
    while (out.next < bounds.end && (out.frames.empty() || out.bytes.size() < bytes_max)) {
      const auto& frame = log_.frame(*partition, out.next);
      out.frames.push_back({*partition, out.next, out.bytes.size(), frame.size()});
      put(out.bytes, frame);
      ++out.next.value;
    }
    return out;
  }
  void allow_trim(Offset) override {}
  std::function<void(PartitionId, Offset)> trim_asked = [](PartitionId, Offset) {};
  void allow_partition_trim(PartitionId partition, Offset offset) override { trim_asked(partition, offset); }

 private:
  struct Waiting {
    PartitionId partition{};
    std::uint64_t token = 0;
    Bytes frame;
  };
  SharedLog& log_;
  LogIdentity identity_;
  std::deque<Waiting> waiting_;
};

/// Builds a frame of the shared log.
inline Bytes make_frame(PartitionId partition, NodeIdentity writer, std::uint64_t number,
                        const std::vector<Entry>& entries, TimeMs time = 1'000,
                        const LogIdentity& identity = test_identity()) {
  FrameHeader header;
  header.identity = identity;
  header.partition = partition;
  header.writer = writer;
  header.number = number;
  header.base_time = time;
  FrameEncoder encoder;
  encoder.begin(header);
  for (const Entry& entry : entries) encoder.add(entry);
  const auto bytes = encoder.finish();
  return {bytes.begin(), bytes.end()};
}

}  // namespace quipu::testing_worker
