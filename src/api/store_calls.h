#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "store/counter_store.h"

namespace quipu {

/// Requests to a store, each with what is called with its completion. Thread: one. The store must outlive it.
class StoreCalls {
 public:
  using Done = std::function<void(StoreCompletion&)>;

  /// `forgot` is called where the store may have forgotten what it acknowledged.
  StoreCalls(CounterStore& store, std::function<void()> forgot) : store_(store), forgot_(std::move(forgot)) {}

  void write(StoreWrite request, Done done) {
    request.token = expect(std::move(done));
    store_.write(std::move(request));
  }
  void load(StoreLoad request, Done done) {
    request.token = expect(std::move(done));
    store_.load(std::move(request));
  }
  void scan(StoreScan request, Done done) {
    request.token = expect(std::move(done));
    store_.scan(request);
  }

  /// Hands every completion to who waits for it.
  void take_completions() {
    completions_.clear();
    store_.take_completions(completions_);
    for (StoreCompletion& completion : completions_) {
      if (completion.kind == StoreCompletion::Kind::kForgot) {
        forgot_();
        continue;
      }
      const auto waiting = waiting_.find(completion.token);
      if (waiting == waiting_.end()) continue;
      const auto done = std::move(waiting->second);
      waiting_.erase(waiting);
      done(completion);
    }
  }

  std::size_t pending() const { return waiting_.size(); }

 private:
  std::uint64_t expect(Done done) {
    waiting_.emplace(next_token_, std::move(done));
    return next_token_++;
  }

  CounterStore& store_;
  std::function<void()> forgot_;
  std::unordered_map<std::uint64_t, Done> waiting_;
  std::uint64_t next_token_ = 1;
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
