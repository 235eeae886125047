#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "event/frame.h"
#include "log/event_log.h"
#include "worker/entry_appender.h"

namespace quipu {

/// An EntryAppender that has one frame of each partition on its way.
///
/// Promises, and how: the next frame of a partition is sent when the one before is in the log; one of unknown fate is
/// sent again as it is. Its frames are in no chain (number 0): they may stand in the log twice, which a RESET with its
/// epoch bears, and a writer that is silent for long breaks no chain. It takes all completions of `log`: nobody else
/// may submit through the same object.
class InOrderAppender final : public EntryAppender {
 public:
  /// `retry_ms`: after an answer that was none. `writer`, which is new and random with each process, seeds the table of
  /// namespaces too.
  InOrderAppender(EventLog& log, NodeIdentity writer, std::int64_t retry_ms)
      : log_(log), writer_(writer), retry_ms_(retry_ms), encoder_(writer.node) {}

  void append(PartitionId partition, std::span<const Entry> entries, std::uint64_t token) override;
  void step(TimeMs steady, TimeMs wall, std::vector<Appended>& out) override;

 private:
  struct Waiting {
    std::uint64_t token = 0;
    Bytes frame;
    bool sent = false;
    TimeMs send_at = 0;
  };
  void take_completions(TimeMs steady, std::vector<Appended>& out);
  void send(TimeMs steady, std::vector<Appended>& out);

  EventLog& log_;
  NodeIdentity writer_;
  std::int64_t retry_ms_;
  TimeMs wall_ = 0;
  std::map<PartitionId, std::deque<Waiting>> waiting_;
  std::unordered_map<std::uint64_t, PartitionId> sent_;  // By the log's token.
  std::uint64_t next_token_ = 1;
  std::vector<LogCompletion> completions_;
  FrameEncoder encoder_;
};

}  // namespace quipu
