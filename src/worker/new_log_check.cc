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

Result<bool> NewLogCheck::step(TimeMs steady) {
  if (QUIPU_PLANTED("other-frames-adopted")) return true;
  for (; at_ < log_.partitions(); ++at_) {
    const auto fine = look(PartitionId{at_}, steady);
    if (!fine || !*fine) return fine;
    asked_at_.reset();
  }
  return true;
}

Result<bool> NewLogCheck::look(PartitionId partition, TimeMs steady) {
  const auto refused = [&](const std::string& what) {
    return failure(Code::kRefused, "topic " + options_.topic + ", partition " + std::to_string(partition.value) + " " +
                                       what +
                                       ": it is no new log. Stop all nodes and workers, and name another "
                                       "topic by kafka.topic, or make this one anew");
  };
  const auto bounds = log_.bounds(partition);
  if (bounds.end <= kFirstOffset) return true;
  if (bounds.begin > kFirstOffset) return refused("has lost its first records");
  if (!asked_at_) {
    asked_at_ = steady;
    seek_(partition, kFirstOffset);
  }
  const auto read = log_.read(partition, kFirstOffset, 1);
  if (!read) return std::unexpected(read.error());
  if (read->frames.empty()) {
    if (steady - *asked_at_ <= options_.read_ms_max) return false;
    return busy("topic " + options_.topic + " can not be read now", options_.retry_ms);
  }
  const auto frame = decode_frame(read->frame(read->frames.front()));
  if (!frame || frame->header().identity != log_.identity()) {
    QUIPU_MARK("adoption: frames of another log are refused");
    return refused("has frames of another log");
  }
  return true;
}

}  // namespace quipu
