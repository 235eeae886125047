#include "kafka/deliveries.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace quipu {

Deliveries::~Deliveries() {
  for (const auto& frame : queue_) destroy_(frame.bytes);
  for (const auto& each : lanes_) {
    for (const auto& frame : each.held) destroy_(frame.bytes);
  }
}

Deliveries::Lane& Deliveries::lane(PartitionId partition) {
  if (partition.value >= lanes_.size()) lanes_.resize(partition.value + std::size_t{1});
  return lanes_[partition.value];
}

void Deliveries::add(PartitionId partition, std::uint64_t token, void* bytes, std::size_t size) {
  queue_.push_back({partition, token, bytes, size});
  pending_bytes_ += size;
}

std::optional<Deliveries::ToSend> Deliveries::next_to_send(std::int64_t now) {
  while (!proven_.empty()) {
    auto& from = lanes_[proven_.back()];
    if (from.held.empty()) {
      proven_.pop_back();
      continue;
    }
    const auto frame = from.held.front();
    from.held.pop_front();
    --held_;
    return send(from, frame, now);
  }
  while (sealed_ > 0) {
    const auto frame = queue_.front();
    queue_.pop_front();
    --sealed_;
    auto& to = lane(frame.partition);
    if (!to.begun || to.proven) return send(to, frame, now);
    to.held.push_back(frame);
    ++held_;
  }
  return std::nullopt;
}

Deliveries::ToSend Deliveries::send(Lane& lane, const Waiting& frame, std::int64_t now) {
  lane.begun = true;
  lane.sent.push_back({frame.token, frame.size, now, false, Offset{}});
  ++sent_;
  ++unanswered_;
  return {{frame.partition, lane.first + lane.sent.size() - 1}, frame.bytes, frame.size};
}

void Deliveries::resolve(const Key& key, Result<Offset> offset) {
  auto& from = lane(key.partition);
  if (key.ordinal < from.first || key.ordinal - from.first >= from.sent.size()) return;
  auto& frame = from.sent[key.ordinal - from.first];
  if (frame.answered) return;
  frame.answered = true;
  frame.offset = std::move(offset);
  --unanswered_;
  if (frame.offset && !from.proven) {
    from.proven = true;
    proven_.push_back(key.partition.value);
  }
  if (key.ordinal == from.first) ready_.push_back(key.partition.value);
}

void Deliveries::give_up(const std::string& why, std::int64_t retry_after_ms) {
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    for (auto& frame : lanes_[p].sent) {
      if (frame.answered) continue;
      frame.answered = true;
      frame.offset = failure(Code::kUnknown, why);
      --unanswered_;
    }
  }
  const auto not_sent = [&](const Waiting& frame) {
    destroy_(frame.bytes);
    lane(frame.partition).sent.push_back({frame.token, frame.size, 0, true, busy("not sent: " + why, retry_after_ms)});
    ++sent_;
  };
  for (auto& each : lanes_) {
    for (const auto& frame : std::exchange(each.held, {})) not_sent(frame);
    each.begun = each.proven = false;
  }
  for (const auto& frame : std::exchange(queue_, {})) not_sent(frame);
  proven_.clear();
  held_ = 0;
  sealed_ = 0;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    if (!lanes_[p].sent.empty()) ready_.push_back(static_cast<std::uint16_t>(p));
  }
}

void Deliveries::take(std::vector<LogCompletion>& out) {
  for (const auto p : ready_) {
    auto& from = lanes_[p];
    while (!from.sent.empty() && from.sent.front().answered) {
      auto& frame = from.sent.front();
      pending_bytes_ -= frame.size;
      --sent_;
      if (frame.offset && *frame.offset <= from.acknowledged) {
        if (!lost_) lost_ = Lost{PartitionId(p), from.acknowledged, *frame.offset};
        frame.offset = failure(Code::kUnknown, "the log lost what stood before the frame");
      } else if (frame.offset) {
        from.acknowledged = *frame.offset;
      }
      out.push_back({frame.token, std::move(frame.offset)});
      from.sent.pop_front();
      ++from.first;
    }
  }
  ready_.clear();
}

std::int64_t Deliveries::oldest_sent() const {
  auto oldest = std::numeric_limits<std::int64_t>::max();
  for (const auto& each : lanes_) {
    // Answered ones stand before unanswered ones, but for answers that came out of turn.
    const auto frame = std::ranges::find(each.sent, false, &Sent::answered);
    if (frame != each.sent.end()) oldest = std::min(oldest, frame->at);
  }
  return oldest;
}

}  // namespace quipu
