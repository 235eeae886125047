#include "cluster/waiting_store.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "node/node_clock.h"

namespace quipu {
namespace {

constexpr std::int64_t kBusyMsMax = 60'000;
constexpr std::int64_t kLookMs = 100;
constexpr std::chrono::milliseconds kRetry{200};

}  // namespace

Result<void> WaitingStore::write(const RowBatch& rows, const std::vector<std::pair<std::string, std::string>>& settings,
                                 bool sync) {
  for (const auto until = steady_clock_ms() + kBusyMsMax;; std::this_thread::sleep_for(kRetry)) {
    StoreWrite write;
    write.token = next_token_++;
    write.rows = rows;
    write.settings = settings;
    write.sync = sync;
    const auto token = write.token;
    store_.write(std::move(write));
    auto done = wait_for(token);
    if (!done) return std::unexpected(done.error());
    if (done->result) return {};
    const auto code = done->result.error().code;
    const bool passes = code == Code::kBusy || code == Code::kUnknown;
    if (!passes || interrupted_() || steady_clock_ms() >= until) return done->result;
  }
}

Result<void> WaitingStore::scan(std::size_t rows_max, const std::function<Result<void>(const RowBatch&)>& page) {
  for (std::uint64_t from = 0;;) {
    const auto done = this->page(from, rows_max);
    if (!done) return std::unexpected(done.error());
    if (auto taken = page(done->rows); !taken) return taken;
    if (!done->next) return {};
    from = *done->next;
  }
}

Result<StoreCompletion> WaitingStore::page(std::uint64_t from, std::size_t rows_max) {
  const auto token = next_token_++;
  store_.scan({token, from, rows_max});
  auto done = wait_for(token);
  if (done && !done->result) return std::unexpected(done->result.error());
  return done;
}

Result<StoreCompletion> WaitingStore::wait_for(std::uint64_t token) {
  std::vector<StoreCompletion> completions;
  for (const auto until = steady_clock_ms() + answer_ms_max_; steady_clock_ms() < until; bell_.wait(kLookMs)) {
    if (interrupted_()) return failure(Code::kTimeout, "interrupted while the store was waited for");
    completions.clear();
    store_.take_completions(completions);
    forgot_ += std::erase_if(completions, [](const StoreCompletion& completion) {
      return completion.kind == StoreCompletion::Kind::kForgot;
    });
    const auto answer = std::ranges::find(completions, token, &StoreCompletion::token);
    if (answer != completions.end()) return std::move(*answer);
  }
  return failure(Code::kTimeout,
                 "the store has not answered for " + std::to_string(answer_ms_max_ / 1'000) + " seconds");
}

}  // namespace quipu
