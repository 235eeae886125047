#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/fault_disk.h"
#include "engine/fault_store.h"
#include "ingest/ids.h"
#include "log/segment_log.h"

namespace quipu {

/// A client with one batch that it gives again and again.
class TestClient final : public BatchClient {
 public:
  Batch batch;
  bool done = false;

  void batch_done(Batch& given) override {
    EXPECT_EQ(&given, &batch);
    EXPECT_FALSE(done) << "answered twice";
    done = true;
  }
};

/// One process with its disk: the real engine and the real segment log over what a test controls. A process can crash
/// and start again; disk and store stay.
class World {
 public:
  World() {
    options.secret = {77, 88};
    options.writer.node = 1;
    options.id_partitions = 3;
    options.ids_max = 1'000;
    options.flush_interval_ms = 1'000;
    log_options.identity.generation = Generation{1};
    log_options.identity.random.fill(std::byte{9});
    log_options.partitions = 3;
    log_options.segment_bytes = std::size_t{1} << 20;
  }

  EngineOptions options;
  SegmentLogOptions log_options;
  FaultDisk disk;
  FaultStore store;
  std::unique_ptr<SegmentLog> log;
  std::unique_ptr<Engine> engine;
  TimeMs now = 1'700'000'000'000;

  /// Begins a process; recovery is up to `step`.
  Result<void> open() {
    log_options.known_durable = kNoOffset;
    const auto watermarks = store.watermarks();
    for (const Watermark& mark : *watermarks) {
      ByteCursor chains(mark.chains);
      if (chains.take<std::uint32_t>() != log_options.identity.generation.value) continue;
      log_options.known_durable = std::max(log_options.known_durable, mark.offset);
    }
    auto opened = SegmentLog::open(disk, log_options, now);
    if (!opened) return std::unexpected(opened.error());
    log = std::move(*opened);
    ++options.writer.boot;
    options.table_hash_seed += 0x9e3779b97f4a7c15;
    engine = std::make_unique<Engine>(options, *log, store);
    return engine->start(now);
  }
  /// Begins a process and waits until it serves.
  void start() {
    const auto opened = open();
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    for (int i = 0; i < 100'000 && engine->state() == EngineState::kRecovering; ++i) turn();
    ASSERT_EQ(engine->state(), EngineState::kServing) << engine->failure().what;
  }
  /// The process is killed and the machine loses its power. The store keeps `kept` of the writes that no sync covers.
  void crash(std::uint64_t seed = 1, std::size_t kept = 0) {
    std::mt19937_64 random(seed);
    disk.crash(random);
    engine.reset();
    log.reset();
    store.crash(kept);
  }
  void restart() {
    crash();
    start();
  }

  void step(TimeMs later = 1) {
    now += later;
    engine->step(now);
  }
  /// Everything that was asked of disk and store is done, and a step.
  void turn(TimeMs later = 1) {
    disk.finish();
    store.perform();
    step(later);
  }
  void turns(int count, TimeMs later = 1) {
    for (int i = 0; i < count; ++i) turn(later);
  }
  /// Until everything is durable.
  void commit() {
    for (int i = 0; i < 1'000 && (i < 2 || engine->durable() < engine->newest()); ++i) turn();
    ASSERT_EQ(engine->durable(), engine->newest());
  }
  /// Until everything is in the store.
  void flush() {
    commit();
    turn(options.flush_interval_ms + 1);
    for (int i = 0; i < 1'000 && engine->stats().dirty_rows > 0; ++i) turn();
    turns(20);
    ASSERT_EQ(engine->stats().dirty_rows, 0u);
  }
  /// Drains, as on SIGTERM, and ends the process.
  void stop() {
    engine->drain();
    for (int i = 0; i < 10'000 && engine->state() != EngineState::kStopped; ++i) turn();
    ASSERT_EQ(engine->state(), EngineState::kStopped);
    engine.reset();
    log.reset();
    disk.end_process();
  }

  NamespaceId space(std::string_view name = "default") { return *engine->namespaces().find_or_create(name); }

  /// Runs operations as one batch of one client, and waits for its outcomes (not for the commit).
  const std::vector<Outcome>& run(const std::vector<Operation>& operations) {
    client_.batch.clear();
    client_.batch.operations = operations;
    client_.done = false;
    if (!engine->submit(client_.batch, client_)) {
      for (int i = 0; i < 1'000 && !client_.done; ++i) turn();
    }
    EXPECT_TRUE(client_.done);
    return client_.batch.outcomes;
  }
  Outcome run(const Operation& operation) { return run(std::vector<Operation>{operation})[0]; }
  /// The `durable_at` of the last batch.
  Offset durable_at() const { return client_.batch.durable_at; }

  Outcome read(std::string_view counter, std::string_view space_name = "default") {
    return run(operation(OperationKind::kRead, counter, 0, space_name));
  }
  std::int64_t value(std::string_view counter) { return read(counter).value; }

  Operation operation(OperationKind kind, std::string_view counter, std::int64_t delta = 0,
                      std::string_view space_name = "default") {
    Operation made;
    made.kind = kind;
    made.space = space(space_name);
    made.counter = counter;
    made.delta = delta;
    return made;
  }
  Operation add(std::string_view counter, std::int64_t delta = 1) {
    return operation(OperationKind::kAdd, counter, delta);
  }
  Operation set(std::string_view counter, std::int64_t value) { return operation(OperationKind::kSet, counter, value); }
  Operation reset(std::string_view counter) { return operation(OperationKind::kReset, counter); }
  Operation add_with_id(std::string_view counter, std::string_view id, std::int64_t delta = 1) {
    auto made = add(counter, delta);
    made.group = GroupKind::kIds;
    made.id = id_hash(options.secret, "default", counter, id);
    made.id.body = body_hash(delta, 0);
    return made;
  }
  Operation add_of_source(std::string_view counter, std::string_view source, std::uint64_t sequence,
                          std::int64_t delta = 1) {
    auto made = add(counter, delta);
    made.group = GroupKind::kSource;
    made.source = source_hash(options.secret, "default", source);
    made.sequence = sequence;
    return made;
  }
  static std::vector<Operation> together(std::vector<Operation> operations) {
    operations.front().together = static_cast<std::uint32_t>(operations.size());
    return operations;
  }

  /// The total of a counter by the store's rows alone.
  std::int64_t stored(std::string_view counter, std::string_view space_name = "default") const {
    Epoch highest{};
    std::int64_t sum = 0;
    const auto state = store.state();
    for (const auto& [key, row] : state.rows) {
      if (std::get<1>(key) != space_name || std::get<2>(key) != counter || row.epoch < highest) continue;
      if (row.epoch > highest) sum = 0;
      highest = row.epoch;
      sum += row.total;
    }
    return sum;
  }
  std::uint64_t count() { return engine->count({space("default")}); }

 private:
  TestClient client_;
};

}  // namespace quipu
