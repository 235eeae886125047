#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/api_node.h"
#include "api/memory_cache.h"
#include "api/replayer.h"
#include "base/hash.h"
#include "ingest/ids.h"
#include "log/memory_log.h"
#include "store/flushed_mark.h"
#include "store/memory_store.h"
#include "store/settings_reader.h"
#include "store/source_reader.h"

namespace quipu {

/// A client with one batch.
class ApiClient final : public BatchClient {
 public:
  Batch batch;
  bool done = false;
  std::vector<ShardView> shards;  ///< Of the first operation, where `node` is set.
  const ApiNode* node = nullptr;

  void batch_done(Batch& given) override {
    EXPECT_EQ(&given, &batch);
    EXPECT_FALSE(done) << "answered twice";
    done = true;
    if (node != nullptr) shards = node->shards(batch.operations[0].space, batch.operations[0].counter);
  }
};

/// A node over a log and a store in memory, and one reader of all partitions that writes the rows.
class ApiWorld {
 public:
  ApiWorld() {
    log_options.identity.generation = Generation{1};
    log_options.identity.random.fill(std::byte{9});
    log_options.partitions = 4;
    options.secret = {77, 88};
    options.id_partitions = 4;
    options.producer.writer = {5, 1};
  }

  MemoryLogOptions log_options;
  ApiNodeOptions options;
  bool with_cache = true;
  TimeMs now = 1'700'000'000'000;
  std::unique_ptr<MemoryLog> log;
  MemoryStore store;
  MemoryCache cache;
  std::unique_ptr<DirectSettingsReader> settings;
  std::unique_ptr<DirectSourceReader> sources;
  std::unique_ptr<ApiNode> node;
  std::unique_ptr<Replayer> worker;

  void start() {
    log = std::make_unique<MemoryLog>(log_options);
    settings = std::make_unique<DirectSettingsReader>(store);
    sources = std::make_unique<DirectSourceReader>(store);
    worker = std::make_unique<Replayer>(*log, options.secret);
    node = make_node();
  }
  /// Another start of the node, over the same log and store; in place of the one before, which took the log's answers.
  std::unique_ptr<ApiNode> make_node() {
    options.producer.writer.boot += options.producer.boots;  // Each start of it has its own.
    auto made = std::make_unique<ApiNode>(options, *log, store, *settings, *sources, with_cache ? &cache : nullptr);
    const auto started = made->start(now);
    EXPECT_TRUE(started.has_value()) << started.error().what;
    EXPECT_EQ(made->state(), EngineState::kServing);
    return made;
  }

  void step(TimeMs later = 1) {
    now += later;
    node->step(now);
  }
  void steps(int count, TimeMs later = 1) {
    for (int i = 0; i < count; ++i) step(later);
  }

  /// The worker reads all that is in the log and writes its rows, with the marks.
  void flush() {
    for (int i = 0; i < 3; ++i) {  // RESETs are passed on through the log.
      ASSERT_TRUE(worker->read_all()) << worker->gap;
      step(0);
    }
    StoreWrite write;
    write.token = kWorkerToken;
    const auto dirty = worker->totals.take_dirty();
    const auto& table = worker->totals.table();
    for (const auto& shard : dirty) {
      const auto space = worker->spaces.name(table.at(shard.counter).space);
      worker->totals.copy_dirty(shard, space, routing_hash(options.secret, space, table.name(table.at(shard.counter))),
                                write.rows);
    }
    for (std::uint16_t p = 0; p < log->partitions(); ++p) {
      const PartitionId partition{p};
      write.settings.emplace_back(flushed_setting(partition),
                                  flushed_text({partition, log->identity().generation, worker->read(partition), now}));
    }
    for (auto& partition : worker->partitions) partition.sources().take_changes(write.sources);
    const auto rows = write.rows;
    store.write(std::move(write));
    store.perform(store.pending());
    for (const auto& shard : dirty) worker->totals.copied_done(shard, true);
    cache.update(rows);
  }

  NamespaceId space(std::string_view name = "default") { return *node->namespaces().find_or_create(name); }
  Operation operation(OperationKind kind, std::string_view counter, std::int64_t delta = 0) {
    Operation made;
    made.kind = kind;
    made.space = space();
    made.counter = counter;
    made.delta = delta;
    return made;
  }
  Operation add(std::string_view counter, std::int64_t delta = 1) {
    return operation(OperationKind::kAdd, counter, delta);
  }
  Operation add_with_id(std::string_view counter, std::string_view id, std::int64_t delta = 1) {
    auto made = add(counter, delta);
    made.group = GroupKind::kIds;
    made.id = id_hash(options.secret, "default", counter, id);
    made.id.body = body_hash(delta, 0);
    return made;
  }
  Operation add_of_source(std::string_view counter, std::string_view source, std::uint64_t sequence) {
    auto made = add(counter);
    made.group = GroupKind::kSource;
    made.source = source_hash(options.secret, "default", source);
    made.sequence = sequence;
    return made;
  }
  Operation set(std::string_view counter, std::int64_t value) { return operation(OperationKind::kSet, counter, value); }
  Operation reset(std::string_view counter) { return operation(OperationKind::kReset, counter); }
  Operation get(std::string_view counter) { return operation(OperationKind::kRead, counter); }
  static std::vector<Operation> together(std::vector<Operation> operations) {
    operations.front().together = static_cast<std::uint32_t>(operations.size());
    return operations;
  }

  /// Gives a batch; `client` must stay.
  void give(ApiClient& client, std::vector<Operation> operations) {
    client.batch.clear();
    client.batch.operations = std::move(operations);
    client.done = false;
    node->submit(client.batch, client);
  }
  std::vector<Outcome> run(std::vector<Operation> operations) {
    ApiClient client;
    give(client, std::move(operations));
    for (int i = 0; i < 10'000 && !client.done; ++i) step();
    EXPECT_TRUE(client.done);
    return client.batch.outcomes;
  }
  Outcome run(const Operation& operation) { return run(std::vector<Operation>{operation})[0]; }
  /// A read of what is flushed now, past everything that was kept.
  Outcome read(std::string_view counter) {
    auto operation = get(counter);
    operation.fresh = true;
    return run(operation);
  }
  std::size_t frames(std::uint16_t partition) const { return log->bounds(PartitionId{partition}).end.value - 1; }
  std::size_t frames() const {
    std::size_t sum = 0;
    for (std::uint16_t p = 0; p < log_options.partitions; ++p) sum += frames(p);
    return sum;
  }

 private:
  static constexpr std::uint64_t kWorkerToken = std::uint64_t{1} << 60;
};

}  // namespace quipu
