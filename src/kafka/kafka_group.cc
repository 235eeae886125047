#include "kafka/kafka_group.h"

#include <optional>
#include <string>
#include <utility>

#include "kafka/kafka_member.h"

namespace quipu {

namespace {

Result<void> check_options(const KafkaGroupOptions& options) {
  constexpr std::int64_t kHourMs = 3'600'000;
  if (options.group.size() > 249) return failure(Code::kRefused, "a group's name has at most 249 characters");
  if (options.session_timeout_ms < 1 || options.session_timeout_ms > kHourMs) {
    return failure(Code::kRefused, "session_timeout_ms is 1 to 3600000");
  }
  if (options.silence_max_ms < options.session_timeout_ms || options.silence_max_ms > kHourMs) {
    return failure(Code::kRefused, "silence_max_ms is session_timeout_ms to 3600000");
  }
  if (options.release_timeout_ms < 1 || options.release_timeout_ms > options.silence_max_ms) {
    return failure(Code::kRefused, "release_timeout_ms is 1 to silence_max_ms");
  }
  if (options.hint_ms < 1 || options.hint_ms > kHourMs) return failure(Code::kRefused, "hint_ms is 1 to 3600000");
  return {};
}

}  // namespace

Result<std::unique_ptr<KafkaGroup>> KafkaGroup::join(KafkaLog& log, const KafkaGroupOptions& options) {
  if (auto fine = check_options(options); !fine) return std::unexpected(fine.error());
  std::unique_ptr<KafkaMember> member;
  if (!options.group.empty()) {
    auto joined = KafkaMember::join(log.options(), options);
    if (!joined) return std::unexpected(joined.error());
    member = std::move(*joined);
  }
  return std::unique_ptr<KafkaGroup>(new KafkaGroup(log, std::move(member)));
}

KafkaGroup::KafkaGroup(KafkaLog& log, std::unique_ptr<KafkaMember> member) : log_(log), member_(std::move(member)) {}
KafkaGroup::~KafkaGroup() = default;

void KafkaGroup::take_changes(std::vector<Change>& out) {
  if (!member_) {
    for (; assigned_ < log_.partitions(); ++assigned_) {
      out.push_back({Change::Kind::kAssigned, PartitionId(assigned_)});
    }
    return;
  }
  for (const auto& change : member_->take_changes()) {
    if (change.kind == Change::Kind::kLost) log_.forget(change.partition);
    out.push_back(change);
  }
}

void KafkaGroup::released(PartitionId partition) {
  log_.forget(partition);
  if (member_) member_->released(partition);
}

void KafkaGroup::seek(PartitionId partition, Offset next) { log_.seek(partition, next); }
void KafkaGroup::pause(PartitionId partition, bool paused) { log_.pause(partition, paused); }

void KafkaGroup::hint_committed(PartitionId partition, Offset offset) {
  if (member_ && offset != kNoOffset) member_->hint(partition, offset);
}

std::int64_t KafkaGroup::silent_ms() const { return member_ ? member_->silent_ms() : 0; }

Result<void> KafkaGroup::health() const {
  if (auto fine = log_.health(); !fine) return fine;
  if (member_) {
    if (auto refusal = member_->refusal()) return std::unexpected(std::move(*refusal));
  }
  return {};
}

}  // namespace quipu
