#include "sim/distributed/processes.h"

#include <utility>

namespace quipu::sim {
namespace {

constexpr std::uint32_t kStoreRetryMs = 30;
constexpr std::uint32_t kWorkerNodes = 100;  // Workers' numbers in the log begin here.

}  // namespace

Result<StoreProcess> StoreProcess::open(Surroundings& around, const TimeMs& wall) {
  CassandraStoreOptions options;
  options.generation = around.settings.identity.generation;
  options.node_check_ms = around.settings.node_check_ms;
  options.connection.retry_ms = kStoreRetryMs;
  // No two processes read their clocks in the same microsecond.
  options.wall_us = [&wall, number = ++around.stores % 1'000] { return wall * 1'000 + number; };
  options.steady_ms = [&around] { return around.steady; };
  auto store = CassandraStore::open(std::move(options));
  if (!store) return std::unexpected(store.error());
  StoreProcess made;
  made.store = std::move(*store);
  made.driver = SimCassandraSession::newest();
  return made;
}

NodeProcess::NodeProcess(Surroundings& around, TimeMs wall)
    : around_(around),
      wall_(wall),
      view_(around.topic, around.settings, around.random, around.trace, around.steady),
      cache_(around.cache) {}

Result<std::unique_ptr<NodeProcess>> NodeProcess::start(Surroundings& around, std::uint64_t number, std::uint32_t boot,
                                                        std::uint16_t open_partitions, TimeMs wall) {
  std::unique_ptr<NodeProcess> made(new NodeProcess(around, wall));
  auto store = StoreProcess::open(around, made->wall_);
  if (!store) return std::unexpected(store.error());
  made->store_ = std::move(*store);
  CassandraStore& cassandra = *made->store_.store;
  made->settings_ = std::make_unique<DirectSettingsReader>(cassandra);
  made->sources_ = std::make_unique<DirectSourceReader>(cassandra);
  auto options = around.settings.node;
  options.open_partitions = open_partitions;
  options.producer.writer = {number, boot * options.producer.boots};
  made->node_ = std::make_unique<ApiNode>(options, made->view_, cassandra, *made->settings_, *made->sources_,
                                          around.settings.cache ? &made->cache_ : nullptr);
  if (auto started = made->node_->start(wall); !started) return std::unexpected(started.error());
  return made;
}

NodeProcess::~NodeProcess() { view_.abandon(); }

void NodeProcess::step(TimeMs wall) {
  wall_ = wall;
  view_.look_when_due();
  node_->step(wall);
}

void NodeProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  view_.move();
  cache_.move();
}

WorkerProcess::WorkerProcess(Surroundings& around, std::uint64_t number, TimeMs wall)
    : around_(around),
      wall_(wall),
      view_(around.topic, around.settings, around.random, around.trace, around.steady),
      group_(around.coordinator, view_),
      cache_(around.cache),
      appender_(view_, {kWorkerNodes + number, 1}, around.settings.worker.retry_ms) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(Surroundings& around, std::uint64_t number, TimeMs wall) {
  std::unique_ptr<WorkerProcess> made(new WorkerProcess(around, number, wall));
  auto store = StoreProcess::open(around, made->wall_);
  if (!store) return std::unexpected(store.error());
  made->store_ = std::move(*store);
  CassandraStore& cassandra = *made->store_.store;
  PartitionBaseCalls bases;
  bases.newest = [&cassandra](PartitionId partition, Offset offset) {
    return cassandra.newest_base_of(partition, offset);
  };
  bases.sure_watermark = [&cassandra](PartitionId partition) { return cassandra.sure_watermark_of(partition); };
  bases.write = [&cassandra](PartitionId partition, Base base, std::uint64_t token) {
    cassandra.write_base_of(partition, std::move(base), token);
  };
  made->partitions_ = std::make_unique<StartPartitionStore>(cassandra, std::move(bases));
  auto options = around.settings.worker;
  options.table_hash_seed = around.random.next();
  made->worker_ = std::make_unique<Worker>(options, WorkerParts{made->view_, made->group_, cassandra,
                                                                *made->partitions_, made->cache_, made->appender_});
  around.coordinator.join(made->group_);
  return made;
}

WorkerProcess::~WorkerProcess() {
  around_.coordinator.leave(group_);
  view_.abandon();
}

void WorkerProcess::step(TimeMs wall) {
  wall_ = wall;
  view_.look_when_due();
  worker_->step(around_.steady, wall);
}

void WorkerProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  view_.move();
  cache_.move();
}

}  // namespace quipu::sim
