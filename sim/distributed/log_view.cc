#include "sim/distributed/log_view.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "event/frame.h"

namespace quipu::sim {
namespace {

constexpr std::int64_t kRetryMs = 10;

void destroy(void* record) { delete static_cast<Bytes*>(record); }

}  // namespace

SimLogView::SimLogView(SimTopic& topic, const LogIdentity& identity, const DistributedSettings& settings,
                       Random& random, Trace& trace, const TimeMs& now)
    : topic_(topic),
      identity_(identity),
      settings_(settings),
      random_(random),
      trace_(trace),
      topic_id_(topic.id()),
      deliveries_(destroy),
      places_(topic.partitions()),
      now_(now) {
  look();
}

SimLogView::Place& SimLogView::place(PartitionId partition) {
  QUIPU_CHECK(partition.value < places_.size());
  return places_[partition.value];
}

void SimLogView::know(Place& place, Offset end) {
  place.bounds.end = std::max(place.bounds.end, end);
  place.known = std::max(place.known, end);
}

void SimLogView::look() {
  if (topic_.id() != topic_id_ || topic_.random_bits() != identity_.random) {
    damage_ = Error{Code::kDamaged, "the topic is another one than it was", 0};
    return;
  }
  looked_at_ = now_;
  while (places_.size() < topic_.partitions()) places_.emplace_back();
  for (std::uint16_t p = 0; p < topic_.partitions(); ++p) {
    Place& at = places_[p];
    at.bounds = topic_.told_bounds(PartitionId{p});
    if (at.bounds.end < at.known && !at.damage) {
      at.damage = Error{Code::kDamaged, name(PartitionId{p}) + " ends before an offset that it once had", 0};
    }
    at.known = std::max(at.known, at.bounds.end);
  }
}

std::optional<Error> SimLogView::closed() const {
  const auto& why = damage_ ? damage_ : loss_;
  if (!why) return std::nullopt;
  return Error{Code::kBusy, why->what, kRetryMs};
}

void SimLogView::take_completions(std::vector<LogCompletion>& out) {
  if (closed() && committing()) {
    abandon();
    deliveries_.give_up(closed()->what, kRetryMs);
  }
  deliveries_.take(out);
  const auto& lost = deliveries_.lost();
  if (!lost || loss_) return;
  loss_ = place(lost->partition).damage =
      Error{Code::kDamaged, name(lost->partition) + " gave an offset again that it once had", 0};
}

void SimLogView::look_when_due() {
  const auto age = now_ - looked_at_;
  if (age >= kLookMsMax || (age >= kRefreshMs && random_.one_in(2))) look();
}

LogBounds SimLogView::bounds(PartitionId partition) const {
  return partition.value < places_.size() ? places_[partition.value].bounds : LogBounds{};
}

std::size_t SimLogView::room_bytes() const {
  if (closed()) return 0;
  return kPendingBytes - std::min(kPendingBytes, deliveries_.pending_bytes());
}

Result<void> SimLogView::submit(PartitionId partition, ByteView frame, std::uint64_t token) {
  if (partition.value >= places_.size() || frame_length(frame) != frame.size() || frame_partition(frame) != partition) {
    return failure(Code::kRefused, "not a frame of partition " + std::to_string(partition.value));
  }
  if (damage_) return std::unexpected(*damage_);
  if (frame.size() > room_bytes()) return std::unexpected(room_error());
  deliveries_.add(partition, token, new Bytes(frame.begin(), frame.end()), frame.size());
  return {};
}

void SimLogView::commit() {
  deliveries_.seal();
  while (const auto next = deliveries_.next_to_send(0)) {
    const std::unique_ptr<Bytes> record(static_cast<Bytes*>(next->bytes));
    place(next->key.partition).sent.push_back({next->key, std::move(*record)});
  }
}

void SimLogView::move() {
  for (std::size_t p = 0; p < places_.size(); ++p) {
    Place& at = places_[p];
    // One that was deleted is not there any more.
    const bool takes = topic_.id() != topic_id_ || topic_.takes(PartitionId{static_cast<std::uint16_t>(p)});
    for (auto left = takes ? random_.below(at.sent.size() + 1) : 0; left > 0; --left) {
      const Sent sent = std::move(at.sent.front());
      at.sent.pop_front();
      if (topic_.id() != topic_id_) continue;  // Its partition is not there any more.
      at.answers.push_back({sent.key, topic_.append(sent.key.partition, sent.record)});
    }
    for (auto left = random_.below(at.answers.size() + 1); left > 0; --left) {
      const auto [key, offset] = at.answers.front();
      at.answers.pop_front();
      know(at, Offset{offset.value + 1});
      deliveries_.resolve(key, offset);
    }
  }
}

void SimLogView::rebuild() {
  bool any = false;
  for (Place& at : places_) any |= !at.sent.empty() || !at.answers.empty();
  if (!any) return;
  abandon();
  deliveries_.give_up("the producer was left behind", kRetryMs);
}

void SimLogView::abandon() {
  for (std::size_t p = 0; p < places_.size(); ++p) {
    Place& at = places_[p];
    if (!at.answers.empty()) trace_.fault(Fault::kAnswerLost, "partition " + std::to_string(p));
    if (!at.sent.empty()) trace_.fault(Fault::kRecordLost, "partition " + std::to_string(p));
    std::deque<Bytes> records;
    for (Sent& sent : at.sent) records.push_back(std::move(sent.record));
    if (topic_.id() == topic_id_) topic_.leave_behind(PartitionId{static_cast<std::uint16_t>(p)}, std::move(records));
    at.sent.clear();
    at.answers.clear();
  }
}

void SimLogView::seek(PartitionId partition, Offset next) {
  while (places_.size() <= partition.value) places_.emplace_back();
  Place& at = place(partition);
  at.known = std::max(at.known, next);
}

Result<LogRead> SimLogView::read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) {
  if (!partition || partition->value >= places_.size()) return failure(Code::kRefused, "there is no such partition");
  if (damage_) return std::unexpected(*damage_);
  Place& at = place(*partition);
  if (at.damage) return std::unexpected(*at.damage);
  LogRead out;
  out.next = from;
  if (from < at.bounds.begin) return failure(Code::kRefused, "offset " + std::to_string(from.value) + " is not kept");
  if (from > at.bounds.end || at.paused) return out;
  const auto bounds = topic_.id() == topic_id_ ? topic_.bounds(*partition) : LogBounds{};
  if (topic_.faulty && from < bounds.end && random_.one_in(settings_.faults.fetch_late)) {
    trace_.fault(Fault::kFetchLate, name(*partition));
    return out;
  }
  if (from < bounds.begin) return failure(Code::kRefused, "offset " + std::to_string(from.value) + " is not kept");
  while (out.next < bounds.end && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    const auto& record = topic_.record(*partition, out.next);
    out.frames.push_back({*partition, out.next, out.bytes.size(), record.size()});
    put(out.bytes, record);
    ++out.next.value;
  }
  know(at, out.next);
  if (topic_.id() == topic_id_) topic_.note_read(*partition, out.next);
  return out;
}

void SimLogView::allow_partition_trim(PartitionId partition, Offset offset) {
  if (topic_.id() == topic_id_) topic_.trim(partition, offset);
}

}  // namespace quipu::sim
