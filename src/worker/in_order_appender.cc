#include "worker/in_order_appender.h"

#include <utility>

#include "base/check.h"

namespace quipu {

void InOrderAppender::append(PartitionId partition, std::span<const Entry> entries, std::uint64_t token) {
  QUIPU_CHECK(!entries.empty());
  FrameHeader header;
  header.identity = log_.identity();
  header.partition = partition;
  header.writer = writer_;
  header.base_time = wall_;
  encoder_.begin(header);
  for (const Entry& entry : entries) encoder_.add(entry);
  const auto frame = encoder_.finish();
  waiting_[partition].push_back({token, Bytes(frame.begin(), frame.end())});
}

void InOrderAppender::step(TimeMs steady, TimeMs wall, std::vector<Appended>& out) {
  wall_ = wall;
  take_completions(steady, out);
  send(steady, out);
}

void InOrderAppender::take_completions(TimeMs steady, std::vector<Appended>& out) {
  completions_.clear();
  log_.take_completions(completions_);
  for (LogCompletion& completion : completions_) {
    const auto sent = sent_.find(completion.token);
    if (sent == sent_.end()) continue;
    auto& queue = waiting_[sent->second];
    sent_.erase(sent);
    Waiting& front = queue.front();
    const bool again = !completion.offset && (completion.offset.error().code == Code::kUnknown ||
                                              completion.offset.error().code == Code::kBusy);
    if (again) {
      front.sent = false;
      front.send_at = steady + retry_ms_;
      continue;
    }
    out.push_back({front.token, std::move(completion.offset)});
    queue.pop_front();
  }
}

void InOrderAppender::send(TimeMs steady, std::vector<Appended>& out) {
  bool submitted = false;
  for (auto& [partition, queue] : waiting_) {
    if (queue.empty() || queue.front().sent || queue.front().send_at > steady) continue;
    Waiting& front = queue.front();
    if (auto taken = log_.submit(partition, front.frame, next_token_); !taken) {
      front.send_at = steady + retry_ms_;
      if (taken.error().code == Code::kBusy || taken.error().code == Code::kUnknown) continue;
      out.push_back({front.token, std::unexpected(taken.error())});
      queue.pop_front();
      continue;
    }
    front.sent = submitted = true;
    sent_.emplace(next_token_++, partition);
  }
  if (submitted) log_.commit();
}

}  // namespace quipu
