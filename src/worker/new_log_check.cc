#include "worker/new_log_check.h"

#include "base/planted.h"
#include "event/frame.h"

namespace quipu {
namespace {

constexpr Offset kFirstOffset{1};

}  // namespace

Result<Generation> generation_after(Generation before) {
  if (before.value >= kGenerationMax) return failure(Code::kRefused, "there were as many logs as can be counted");
  if (QUIPU_PLANTED("generation-not-raised")) return before;
  return Generation{before.value + 1};
}

void NewLogCheck::again(TimeMs steady) {
  if (QUIPU_PLANTED("new-log-looked-at-once")) return;
  at_ = 0;
  ends_since_ = steady;
}

Result<bool> NewLogCheck::step(TimeMs steady) {
  if (QUIPU_PLANTED("other-frames-adopted")) return true;
  for (; at_ < log_.partitions(); ++at_) {
    if (next_.size() <= at_) next_.resize(std::size_t{at_} + 1, kFirstOffset);
    const auto fine = look(PartitionId{at_}, steady);
    if (!fine || !*fine) return fine;
    sought_ = false;
    waits_since_.reset();
  }
  return true;
}

Result<bool> NewLogCheck::look(PartitionId partition, TimeMs steady) {
  // What another one appended since the end was asked for is not in it.
  if (ends_since_ && steady - log_.bounds_age_ms(partition) <= *ends_since_) return wait(steady);
  Offset& next = next_[partition.value];
  while (true) {
    const auto bounds = log_.bounds(partition);
    if (bounds.begin > kFirstOffset) return refused(partition, "has lost its first records");
    if (bounds.end <= next) return true;
    if (!sought_) seek_(partition, next);
    sought_ = true;
    const auto read = log_.read(partition, next, options_.read_bytes);
    if (!read) return std::unexpected(read.error());
    if (read->frames.empty()) return wait(steady);
    if (const auto fine = look_at(*read, partition); !fine || QUIPU_PLANTED("first-frame-alone-looked-at")) return fine;
    next = read->next;
    waits_since_.reset();
  }
}

Result<bool> NewLogCheck::look_at(const LogRead& read, PartitionId partition) {
  for (const LogRead::Item& item : read.frames) {
    const auto frame = decode_frame(read.frame(item));
    if (!frame || frame->header().identity != log_.identity() || frame->header().partition != partition) {
      QUIPU_MARK("adoption: frames of another log are refused");
      return refused(partition, "has a frame of another log at offset " + std::to_string(item.offset.value));
    }
    if (QUIPU_PLANTED("first-frame-alone-looked-at")) break;
  }
  return true;
}

Result<bool> NewLogCheck::wait(TimeMs steady) {
  if (!waits_since_) waits_since_ = steady;
  if (steady - *waits_since_ <= options_.read_ms_max) return false;
  return busy("topic " + options_.topic + " can not be read now", options_.retry_ms);
}

std::unexpected<Error> NewLogCheck::refused(PartitionId partition, const std::string& what) const {
  return failure(Code::kRefused, "topic " + options_.topic + ", partition " + std::to_string(partition.value) + " " +
                                     what +
                                     ": it is no new log. Stop all nodes and workers, and name another topic by "
                                     "kafka.topic, or make this one anew");
}

}  // namespace quipu
