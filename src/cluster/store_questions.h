#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cluster/shared_store.h"
#include "store/settings_reader.h"
#include "store/source_reader.h"

namespace quipu {

/// What a node asks of the store now and then (its settings, the last sequence of a source), which makes the caller of
/// a CounterStore wait: asked here on a thread of its own, over a connection of its own.
///
///   owner ─ ask ─► questions ─► thread, CounterStore ─► answers ─ wake, take ─► owner
///
/// Sources that wait together are answered from one look at the store. Threads: one of its own; all calls on the
/// owner's. The destructor waits for the question that is under way.
class StoreQuestions final : public SettingsReader, public SourceReader {
 public:
  /// Beyond so many sources that wait, the next is answered as busy.
  static constexpr std::size_t kWaitingMax = 10'000;

  /// `wake` is called on the thread when answers are there. Must not block.
  StoreQuestions(SharedStore store, std::function<void()> wake);
  ~StoreQuestions() override;

  void ask() override;
  std::optional<Result<Settings>> take() override;
  void ask(const Hash128& source, std::uint64_t token) override;
  void take_answers(std::vector<Answer>& out) override;

 private:
  struct SourceQuestion {
    Hash128 source;
    std::uint64_t token = 0;
  };

  void run();
  void answer_sources(const std::vector<SourceQuestion>& asked);

  SharedStore store_;  // The thread's.
  const std::function<void()> wake_;

  std::mutex mutex_;
  std::condition_variable asked_;
  // Under mutex_.
  bool stopping_ = false;
  bool settings_asked_ = false;
  std::vector<SourceQuestion> sources_asked_;
  std::optional<Result<Settings>> settings_;
  std::vector<Answer> answers_;

  std::thread thread_;  // Last: it uses everything above.
};

}  // namespace quipu
