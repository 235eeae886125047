#include "worker/setting_put.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "worker/passing_error.h"

namespace quipu {
namespace {

/// Apart from the tokens of those who used the store before, whose last questions it may answer yet.
constexpr std::uint64_t kToken = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Result<bool> SettingPut::step(TimeMs steady) {
  if (!begun_at_) begun_at_ = steady;
  if (writing_) {
    if (auto taken = take_written(steady); !taken) return std::unexpected(taken.error());
    if (writing_) return false;
  }
  if (steady < next_at_) return false;
  if (written_) return look(steady);
  StoreWrite write;
  write.token = kToken;
  write.settings.emplace_back(name_, text_);
  write.sync = true;
  writing_ = true;
  store_.write(std::move(write));
  return false;
}

Result<void> SettingPut::take_written(TimeMs steady) {
  completions_.clear();
  store_.take_completions(completions_);
  for (const StoreCompletion& completion : completions_) {
    if (completion.kind != StoreCompletion::Kind::kWrite || completion.token != kToken) continue;
    writing_ = false;
    if (!completion.result) return put_off(completion.result.error(), steady);
    written_ = true;
    return {};
  }
  if (steady - *begun_at_ < options_.stall_ms) return {};
  return failure(Code::kTimeout,
                 "the store has not answered for " + std::to_string(options_.stall_ms / 1'000) + " seconds");
}

Result<bool> SettingPut::look(TimeMs steady) {
  const auto settings = store_.settings();
  if (!settings) {
    if (auto later = put_off(settings.error(), steady); !later) return std::unexpected(later.error());
    return false;
  }
  if (std::ranges::find(*settings, std::pair(name_, text_)) != settings->end()) return true;
  return failure(Code::kBusy,
                 "the store does not say what was written: another process wrote at the same moment; run this again");
}

Result<void> SettingPut::put_off(const Error& error, TimeMs steady) {
  if (!passes(error.code) || steady - *begun_at_ >= options_.stall_ms) return std::unexpected(error);
  next_at_ = steady + options_.retry_ms;
  return {};
}

}  // namespace quipu
