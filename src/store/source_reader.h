#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// Asks for the last sequence of a source while a node runs.
///
/// Thread: all calls on the owner's thread; none should wait.
class SourceReader {
 public:
  struct Answer {
    std::uint64_t token = 0;
    /// The newest that the store has over all partitions; 0: it knows no such source.
    Result<std::uint64_t> last{std::uint64_t{0}};
  };

  virtual ~SourceReader() = default;

  virtual void ask(const Hash128& source, std::uint64_t token) = 0;
  virtual void take_answers(std::vector<Answer>& out) = 0;
};

/// Looks through all sources of a store that answers at once, such as one in memory.
class DirectSourceReader final : public SourceReader {
 public:
  explicit DirectSourceReader(CounterStore& store) : store_(store) {}

  void ask(const Hash128& source, std::uint64_t token) override {
    const auto sources = store_.sources();
    Answer& answer = answers_.emplace_back();
    answer.token = token;
    if (!sources) {
      answer.last = std::unexpected(sources.error());
      return;
    }
    for (const SourceRow& row : *sources) {
      if (row.source == source && !row.forgotten) answer.last = std::max(*answer.last, row.sequence);
    }
  }
  void take_answers(std::vector<Answer>& out) override {
    out.insert(out.end(), answers_.begin(), answers_.end());
    answers_.clear();
  }

 private:
  CounterStore& store_;
  std::vector<Answer> answers_;
};

}  // namespace quipu
