#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "ingest/ids.h"
#include "node/embedded.h"

namespace quipu {

/// A process: everything but the servers, with a clock of the test's own.
class Process final : public BatchClient {
 public:
  explicit Process(const Config& config) {
    auto opened = Embedded::open(config, [this] {
      const std::lock_guard lock(mutex_);
      rung_ = true;
      changed_.notify_one();
    });
    if (!opened) {
      error = opened.error().what;
      return;
    }
    parts = std::move(*opened);
    if (auto started = parts->engine().start(now_); !started) {
      error = started.error().what;
      return;
    }
    until([this] { return engine().state() != EngineState::kRecovering; });
    if (engine().state() == EngineState::kFailed) error = engine().failure().what;
  }

  Engine& engine() { return parts->engine(); }

  /// Every step comes after something was done for it or after a moment.
  template <class Condition>
  void until(Condition condition) {
    for (int i = 0; i < 100'000 && !condition(); ++i) {
      engine().step(++now_);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(1), [this] { return rung_; });
      rung_ = false;
    }
    ASSERT_TRUE(condition());
  }

  Outcome run(const Operation& operation) {
    batch_.clear();
    batch_.operations = {operation};
    done_ = false;
    engine().submit(batch_, *this);
    until([this] { return done_; });
    until([this] { return engine().durable() >= batch_.durable_at; });
    return batch_.outcomes[0];
  }
  Operation operation(OperationKind kind, std::string_view counter, std::int64_t delta = 0) {
    Operation made;
    made.kind = kind;
    made.space = *engine().namespaces().find_or_create("views");
    made.counter = counter;
    made.delta = delta;
    return made;
  }
  Outcome add(std::string_view counter, std::int64_t delta) {
    return run(operation(OperationKind::kAdd, counter, delta));
  }
  Outcome add_with_id(std::string_view counter, std::string_view id) {
    auto made = operation(OperationKind::kAdd, counter, 1);
    made.group = GroupKind::kIds;
    made.id = id_hash(engine().secret(), "views", counter, id);
    return run(made);
  }
  Outcome add_of_source(std::string_view counter, std::string_view source, std::uint64_t sequence) {
    auto made = operation(OperationKind::kAdd, counter, 1);
    made.group = GroupKind::kSource;
    made.source = source_hash(engine().secret(), "views", source);
    made.sequence = sequence;
    return run(made);
  }
  std::int64_t value(std::string_view counter) { return run(operation(OperationKind::kRead, counter)).value; }

  /// Drains, as on SIGTERM: the store has everything. Else the end of the object is that of a killed process, but that
  /// the store keeps what it was given.
  void stop() {
    engine().drain();
    until([this] { return engine().state() == EngineState::kStopped; });
    parts.reset();
  }

  void batch_done(Batch&) override { done_ = true; }

  std::string error;  ///< Why it does not serve.

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
  bool done_ = false;
  Batch batch_;
  TimeMs now_ = 1'700'000'000'000;

 public:
  // Last, since its threads ring until they end.
  std::unique_ptr<Embedded> parts;
};

}  // namespace quipu
