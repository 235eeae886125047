#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// What a SettingPut is told when it is made. Times are in milliseconds.
struct SettingPutOptions {
  std::int64_t retry_ms = 500;     ///< After an answer of the store that was none.
  std::int64_t stall_ms = 60'000;  ///< How long the store may say nothing of use.
};

/// Puts one setting into the store, with a sync, and sees that it is there: another one may write at the same moment.
///
/// Pure: no clock, thread, socket. Asks the store what its interface lets wait (`settings`); takes all its completions.
class SettingPut {
 public:
  SettingPut(const SettingPutOptions& options, CounterStore& store, std::string name, std::string text)
      : options_(options), store_(store), name_(std::move(name)), text_(std::move(text)) {}

  /// Does what can be done now; whether the store says what was put there. `steady` only ever rises. kBusy where it
  /// says something else; what the store answered, or kTimeout where that is nothing, after stall_ms.
  Result<bool> step(TimeMs steady);

 private:
  Result<void> take_written(TimeMs steady);
  Result<bool> look(TimeMs steady);
  Result<void> put_off(const Error& error, TimeMs steady);

  const SettingPutOptions options_;
  CounterStore& store_;
  const std::string name_;
  const std::string text_;
  bool writing_ = false;
  bool written_ = false;
  TimeMs next_at_ = 0;
  std::optional<TimeMs> begun_at_;
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
