#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api_node.h"
#include "engine/operation.h"

namespace quipu {

/// Resets every counter that the store has in some namespaces, a page at a time. Where the log has no room it tries
/// again when it is told to, and gives up where none comes for kBusyMsMax: a part of the counters may be reset then.
class ApiNode::ResetAll final : public BatchClient {
 public:
  ResetAll(ApiNode& node, std::vector<NamespaceId> spaces, std::function<void(Result<Offset>)> done)
      : node_(node), spaces_(std::move(spaces)), done_(std::move(done)), alive_(std::make_shared<bool>(true)) {}
  ~ResetAll() override {
    *alive_ = false;
    if (done_) done_(quipu::busy("the service is stopping", kRetryMs));
  }
  ResetAll(const ResetAll&) = delete;
  ResetAll& operator=(const ResetAll&) = delete;

  /// Does what can be done now. Whether all is over.
  bool step() {
    if (waits_ || (node_.now_ < again_at_ && again_at_ - node_.now_ <= kBusyMsMax)) return false;  // Clocks jump.
    if (error_) return finish(std::unexpected(*error_));
    if (next_ < page_.counters.size()) return write();
    if (last_) return finish(kNoOffset);
    read();
    return false;
  }

 private:
  static constexpr std::size_t kResetsAtOnce = 256;
  static constexpr std::int64_t kRetryMs = 500;
  static constexpr std::int64_t kBusyMsMax = 10'000;

  void read() {
    waits_ = true;
    node_.walks_->scan(spaces_, cursor_, kResetsAtOnce, [this, alive = alive_](Result<ScanPage> page) {
      if (!*alive) return;
      waits_ = false;
      if (!page) {
        error_ = page.error();
        return;
      }
      cursor_ = page->next;
      last_ = page->next == 0;
      page_ = std::move(*page);
      next_ = 0;
    });
  }

  bool write() {
    batch_.clear();
    const auto size = std::min(kResetsAtOnce, page_.counters.size() - next_);
    for (std::size_t i = next_; i < next_ + size; ++i) {
      Operation operation;
      operation.kind = OperationKind::kReset;
      operation.space = page_.counters[i].space;
      operation.counter = page_.counters[i].counter;
      batch_.operations.push_back(operation);
    }
    waits_ = true;
    node_.submit(batch_, *this);
    return false;
  }

  void batch_done(Batch& batch) override {
    waits_ = false;
    for (const Outcome& outcome : batch.outcomes) {
      if (outcome.error && *outcome.error != Code::kBusy) {
        error_ = Error{*outcome.error, outcome.error_text};
        return;
      }
      // What found no room is tried again; a second reset of the others does no harm.
      if (outcome.error) return try_again(outcome.retry_after_ms);
    }
    next_ += batch.operations.size();
    busy_since_.reset();
  }

  void try_again(std::int64_t retry_after_ms) {
    if (!busy_since_ || node_.now_ < *busy_since_) busy_since_ = node_.now_;
    const auto end = *busy_since_ + kBusyMsMax;
    again_at_ = std::min(node_.now_ + std::max<std::int64_t>(retry_after_ms, 1), end);
    if (node_.now_ < end) return;
    error_ = Error{Code::kUnknown,
                   "the log has no room: a part of the counters may be reset, and to reset all again is safe"};
  }

  bool finish(Result<Offset> result) {
    std::exchange(done_, nullptr)(std::move(result));
    return true;
  }

  ApiNode& node_;
  std::vector<NamespaceId> spaces_;
  std::function<void(Result<Offset>)> done_;
  std::shared_ptr<bool> alive_;  // What a scan finds out by whether this is still there.
  Batch batch_;
  ScanPage page_;
  std::size_t next_ = 0;  // Of the page.
  std::uint64_t cursor_ = 0;
  bool last_ = false;
  bool waits_ = false;
  std::optional<TimeMs> busy_since_;
  TimeMs again_at_ = 0;
  std::optional<Error> error_;
};

}  // namespace quipu
