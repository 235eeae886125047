#include "sim/distributed/processes.h"

#include <string>
#include <utility>

namespace quipu::sim {
namespace {

constexpr std::uint32_t kStoreRetryMs = 30;
constexpr std::uint32_t kWorkerNodes = 100;  // Workers' numbers in the log begin here.

}  // namespace

Result<StoreProcess> StoreProcess::open(Surroundings& around, const TimeMs& wall, bool scan_all_replicas) {
  CassandraStoreOptions options;
  options.scan_all_replicas = scan_all_replicas;
  options.generation = around.settings.identity.generation;
  options.node_check_ms = around.settings.node_check_ms;
  options.connection.retry_ms = kStoreRetryMs;
  options.hash_seed = around.random.peek();
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

Result<BegunProcess> BegunProcess::begin(Surroundings& around, const TimeMs& wall) {
  BegunProcess begun;
  auto store = StoreProcess::open(around, wall);
  if (!store) return std::unexpected(store.error());
  begun.store = std::move(*store);
  CassandraStore& cassandra = *begun.store.store;
  const auto settings = cassandra.settings();
  if (!settings) return std::unexpected(settings.error());
  auto known = cluster_identity_in(*settings);
  if (!known) return std::unexpected(known.error());
  if (!*known) {
    ClusterIdentity own;
    own.log = around.settings.identity;
    own.secret = around.settings.node.secret;
    own.id_partitions = around.settings.partitions;
    const auto text = cassandra.claim_setting(std::string(kClusterSetting), cluster_text(own));
    if (!text) return std::unexpected(text.error());
    auto claimed = read_cluster_text(*text);
    if (!claimed) return std::unexpected(claimed.error());
    known = std::optional(std::move(*claimed));
  }
  begun.identity = std::move(**known);
  // Where the real log is opened.
  if (begun.identity.log.random != around.topic.random_bits()) {
    return failure(Code::kDamaged, "the topic is not the one that the store counts from");
  }
  if (auto gone_over = cassandra.begin_generation(begun.identity.log.generation); !gone_over) {
    return std::unexpected(gone_over.error());
  }
  return begun;
}

NodeProcess::NodeProcess(Surroundings& around, TimeMs wall) : around_(around), wall_(wall), cache_(around.cache) {}

Result<std::unique_ptr<NodeProcess>> NodeProcess::start(Surroundings& around, std::uint64_t number, std::uint32_t boot,
                                                        TimeMs wall) {
  std::unique_ptr<NodeProcess> made(new NodeProcess(around, wall));
  auto begun = BegunProcess::begin(around, made->wall_);
  if (!begun) return std::unexpected(begun.error());
  made->store_ = std::move(begun->store);
  const ClusterIdentity& identity = begun->identity;
  made->view_.emplace(around.topic, identity.log, around.settings, around.random, around.trace, around.steady);
  CassandraStore& cassandra = *made->store_.store;
  made->settings_ = std::make_unique<DirectSettingsReader>(cassandra);
  made->sources_ = std::make_unique<DirectSourceReader>(cassandra);
  auto options = around.settings.node;
  options.open_partitions = identity.id_partitions;
  // Of the first log not all, as of one that has grown.
  const bool first = identity.log == around.settings.identity;
  if (!first) options.id_partitions = identity.id_partitions;
  options.producer.writer = {number, boot * options.producer.boots};
  made->node_ = std::make_unique<ApiNode>(options, *made->view_, cassandra, *made->settings_, *made->sources_,
                                          around.settings.cache ? &made->cache_ : nullptr);
  if (auto started = made->node_->start(wall); !started) return std::unexpected(started.error());
  return made;
}

NodeProcess::~NodeProcess() {
  if (view_) view_->abandon();
}

void NodeProcess::step(TimeMs wall) {
  wall_ = wall;
  view_->look_when_due();
  node_->step(wall);
}

void NodeProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  view_->move();
  cache_.move();
}

WorkerProcess::WorkerProcess(Surroundings& around, TimeMs wall) : around_(around), wall_(wall), cache_(around.cache) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(Surroundings& around, std::uint64_t number, TimeMs wall) {
  std::unique_ptr<WorkerProcess> made(new WorkerProcess(around, wall));
  auto begun = BegunProcess::begin(around, made->wall_);
  if (!begun) return std::unexpected(begun.error());
  made->store_ = std::move(begun->store);
  made->view_.emplace(around.topic, begun->identity.log, around.settings, around.random, around.trace, around.steady);
  made->group_.emplace(around.coordinator, *made->view_);
  made->appender_.emplace(*made->view_, NodeIdentity{kWorkerNodes + number, 1}, around.settings.worker.retry_ms);
  CassandraStore& cassandra = *made->store_.store;
  PartitionBaseCalls bases;
  bases.newest = [&cassandra](PartitionId partition, Offset offset) {
    return cassandra.newest_base_of(partition, offset);
  };
  bases.sure_watermark = [&cassandra](PartitionId partition) { return cassandra.sure_watermark_of(partition); };
  bases.write = [&cassandra](PartitionId partition, Base base, std::uint64_t token) {
    cassandra.write_base_of(partition, std::move(base), token);
  };
  bases.answers = [&cassandra](std::function<void(Result<void>)> then) { cassandra.ask_for_marks(std::move(then)); };
  made->partitions_ = std::make_unique<StartPartitionStore>(cassandra, std::move(bases));
  auto options = around.settings.worker;
  options.table_hash_seed = around.random.next();
  made->worker_ = std::make_unique<Worker>(
      options, WorkerParts{*made->view_, *made->group_, cassandra, *made->partitions_, made->cache_, *made->appender_});
  around.coordinator.join(*made->group_);
  return made;
}

WorkerProcess::~WorkerProcess() {
  if (!view_) return;
  around_.coordinator.leave(*group_);
  view_->abandon();
}

void WorkerProcess::step(TimeMs wall) {
  wall_ = wall;
  view_->look_when_due();
  worker_->step(around_.steady, wall);
}

void WorkerProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  view_->move();
  cache_.move();
}

}  // namespace quipu::sim
