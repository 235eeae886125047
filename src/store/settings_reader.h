#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// Asks for the store's settings again and again while a node runs: marks of what was flushed, namespaces' policies.
///
/// Thread: all calls on the owner's thread; none should wait. One question at a time.
class SettingsReader {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  virtual ~SettingsReader() = default;

  /// Asks for all settings as they are now.
  virtual void ask() = 0;
  /// The answer, once, when it is there.
  virtual std::optional<Result<Settings>> take() = 0;
};

/// Asks a store that answers at once, such as one in memory.
class DirectSettingsReader final : public SettingsReader {
 public:
  explicit DirectSettingsReader(CounterStore& store) : store_(store) {}

  void ask() override { answer_ = store_.settings(); }
  std::optional<Result<Settings>> take() override { return std::exchange(answer_, std::nullopt); }

 private:
  CounterStore& store_;
  std::optional<Result<Settings>> answer_;
};

}  // namespace quipu
