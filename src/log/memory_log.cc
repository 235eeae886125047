#include "log/memory_log.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "base/check.h"
#include "event/frame.h"

namespace quipu {

namespace {

/// What one delivery takes, for telling when to try again: this log has no clock and no disk to measure.
constexpr std::int64_t kDeliveryMs = 1;

}  // namespace

MemoryLog::MemoryLog(const MemoryLogOptions& options) : options_(options), partitions_(options.partitions) {
  QUIPU_CHECK(options.partitions >= 1);
  QUIPU_CHECK(options.partitions <= kPartitionsMax);
}

void MemoryLog::deliver(std::size_t count, Fate fate) {
  for (count = std::min(count, committed_); count > 0; --count) {
    auto queued = std::move(queue_.front());
    queue_.pop_front();
    --committed_;
    pending_bytes_ -= queued.frame.size();
    auto& kept = partitions_[queued.partition.value];
    const auto offset = kept.end();
    LogCompletion completion{queued.token, offset};
    if (fate == Fate::kAcknowledged || fate == Fate::kWrittenUnknown) kept.frames.push_back(std::move(queued.frame));
    if (fate == Fate::kWrittenUnknown || fate == Fate::kLostUnknown) {
      completion.offset = failure(Code::kUnknown, "the acknowledgement did not come");
    } else if (fate == Fate::kRefused) {
      completion.offset = busy("the log took no frames", kDeliveryMs);
    }
    done_.push_back(std::move(completion));
  }
}

LogBounds MemoryLog::bounds(PartitionId partition) const {
  const auto& kept = partitions_[partition.value];
  return {kept.begin, kept.end()};
}

std::size_t MemoryLog::room_bytes() const {
  return options_.pending_bytes - std::min(options_.pending_bytes, pending_bytes_);
}

Error MemoryLog::room_error() const {
  return {Code::kBusy, "the log's queue is at its bound: " + std::to_string(pending_bytes_) + " bytes wait",
          kDeliveryMs};
}

Result<void> MemoryLog::submit(PartitionId partition, ByteView frame, std::uint64_t token) {
  if (partition.value >= options_.partitions || frame.size() > kFrameBytesMax || frame_length(frame) != frame.size() ||
      frame_partition(frame) != partition) {
    return failure(Code::kRefused, "not a frame of partition " + std::to_string(partition.value));
  }
  if (frame.size() > options_.group_bytes_max) {
    return failure(Code::kTooLarge, "a frame of " + std::to_string(frame.size()) + " bytes; this log takes " +
                                        std::to_string(options_.group_bytes_max));
  }
  if (frame.size() > room_bytes()) return std::unexpected(room_error());
  queue_.push_back({partition, token, Bytes(frame.begin(), frame.end())});
  pending_bytes_ += frame.size();
  return {};
}

void MemoryLog::take_completions(std::vector<LogCompletion>& out) {
  if (automatic) deliver(committed_);
  out.insert(out.end(), std::make_move_iterator(done_.begin()), std::make_move_iterator(done_.end()));
  done_.clear();
}

Result<LogRead> MemoryLog::read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) {
  if (!partition || partition->value >= options_.partitions) {
    return failure(Code::kRefused, "this log is read by partition: its partitions have offsets of their own");
  }
  const auto& kept = partitions_[partition->value];
  if (from < kept.begin || from > kept.end()) {
    return failure(Code::kRefused, "offset " + std::to_string(from.value) + " is not kept: the log begins with " +
                                       std::to_string(kept.begin.value) + " and ends before " +
                                       std::to_string(kept.end().value));
  }
  LogRead out;
  out.next = from;
  while (out.next < kept.end() && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    const auto& frame = kept.frames[out.next.value - kept.begin.value];
    out.frames.push_back({*partition, out.next, out.bytes.size(), frame.size()});
    put(out.bytes, frame);
    ++out.next.value;
  }
  return out;
}

void MemoryLog::allow_partition_trim(PartitionId partition, Offset offset) {
  if (partition.value >= options_.partitions) return;
  auto& kept = partitions_[partition.value];
  while (!kept.frames.empty() && kept.begin < offset) {
    kept.frames.pop_front();
    ++kept.begin.value;
  }
}

}  // namespace quipu
