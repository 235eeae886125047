#include "cluster/worker_thread.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/local_cache.h"
#include "cluster/shared_parts.h"
#include "kafka/kafka_group.h"
#include "node/node_clock.h"
#include "node/random_value.h"
#include "worker/in_order_appender.h"
#include "worker/start_partition_store.h"
#include "worker/worker.h"

namespace quipu {
namespace {

/// The group wants to hear of its members; a second is far below every time limit that it has.
constexpr TimeMs kSleepMsMax = 500;
constexpr TimeMs kReportMs = 200;
constexpr std::int64_t kResendMs = 500;

WorkerOptions worker_options(const Config& config, const HashSecret& secret) {
  WorkerOptions options;
  options.secret = secret;
  options.table_hash_seed = random_value<std::uint64_t>();
  options.ids_max = config.idempotency_window;
  options.sources_max = config.sources_max;
  options.namespaces_max = config.namespaces_max;
  // The bounds are for the process.
  options.table_bytes_max = config.memory_table_bytes / config.cluster.workers;
  options.dirty_bytes_max = config.flush_dirty_bytes / config.cluster.workers;
  options.flush_interval_ms = config.flush_interval_ms;
  options.commit_delay_ms = config.cluster.commit_delay_ms;
  options.release_ms_max = config.cluster.kafka_release_timeout_ms;
  options.base_interval_ms = config.base_interval_ms;
  options.base_log_bytes = config.base_log_bytes;
  options.base_bytes_max = kBaseBytesMax;
  return options;
}

LocalCacheOptions local_cache_options() {
  LocalCacheOptions options;
  options.hash_seed = random_value<std::uint64_t>();
  return options;
}

KafkaGroupOptions group_options(const ClusterConfig& config) {
  KafkaGroupOptions options;
  options.group = config.kafka_group;
  options.session_timeout_ms = config.kafka_session_timeout_ms;
  options.release_timeout_ms = config.kafka_release_timeout_ms;
  return options;
}

}  // namespace

/// Everything that the thread works with, in the order in which it stands on each other.
class WorkerThread::Parts {
 public:
  static Result<std::unique_ptr<Parts>> open(const Config& config, std::uint16_t number) {
    std::unique_ptr<Parts> parts(new Parts(number));
    const auto wake = [raw = parts.get()] { raw->ring(); };
    auto shared = SharedParts::open(config, wake);
    if (!shared) return std::unexpected(shared.error());
    parts->shared_ = std::move(*shared);
    if (number == 1) tell_findings(*parts->shared_.log);
    auto cache = open_cache(config.cluster, wake);
    if (!cache) return std::unexpected(cache.error());
    parts->cache_ = std::move(*cache);
    // Where there is none, what a worker tells is told to one in which nobody looks.
    if (!parts->cache_) parts->cache_ = std::make_unique<LocalCache>(local_cache_options());
    auto group = KafkaGroup::join(*parts->shared_.log, group_options(config.cluster));
    if (!group) return std::unexpected(group.error());
    parts->group_ = std::move(*group);
    parts->partitions_ = std::make_unique<StartPartitionStore>(*parts->shared_.store.store, parts->shared_.store.bases);
    parts->appender_ = std::make_unique<InOrderAppender>(*parts->shared_.log, new_node(), kResendMs);
    parts->worker_ =
        std::make_unique<Worker>(worker_options(config, parts->shared_.identity.secret),
                                 WorkerParts{*parts->shared_.log, *parts->group_, *parts->shared_.store.store,
                                             *parts->partitions_, *parts->cache_, *parts->appender_});
    return parts;
  }

  Worker& worker() { return *worker_; }
  std::uint16_t number() const { return number_; }
  WorkerReport report() const {
    return {worker_->health(),       worker_->stats(), cache_->stats(),
            shared_.store.repeats(), worker_->alarm(), std::max(shared_.log->stats().silent_ms, group_->silent_ms()),
            steady_clock_ms()};
  }
  /// Leaves the group and everything else.
  void close() {
    worker_.reset();
    group_.reset();
  }

  /// Whom the parts wake; nobody before `on_ring`.
  void on_ring(std::function<void()> ring) {
    const std::scoped_lock lock(mutex_);
    ring_ = std::move(ring);
  }

 private:
  explicit Parts(std::uint16_t number) : number_(number) {}
  void ring() {
    const std::scoped_lock lock(mutex_);
    if (ring_) ring_();
  }

  const std::uint16_t number_;
  std::mutex mutex_;
  std::function<void()> ring_;  // Under mutex_.
  SharedParts shared_;
  std::unique_ptr<TotalsCache> cache_;
  std::unique_ptr<KafkaGroup> group_;
  std::unique_ptr<StartPartitionStore> partitions_;
  std::unique_ptr<InOrderAppender> appender_;
  std::unique_ptr<Worker> worker_;
};

Result<std::unique_ptr<WorkerThread>> WorkerThread::start(const Config& config, std::uint16_t number,
                                                          std::function<void()> ended) {
  auto parts = Parts::open(config, number);
  if (!parts) return std::unexpected(parts.error());
  return std::unique_ptr<WorkerThread>(new WorkerThread(std::move(*parts), std::move(ended)));
}

WorkerThread::WorkerThread(std::unique_ptr<Parts> parts, std::function<void()> ended)
    : parts_(std::move(parts)), ended_(std::move(ended)) {
  report_.made_at = steady_clock_ms();
  parts_->on_ring([this] { wake(); });
  thread_ = std::thread([this] { run(); });
}

WorkerThread::~WorkerThread() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    bell_ = true;
  }
  rung_.notify_one();
  thread_.join();
  parts_->on_ring({});
}

void WorkerThread::wake() {
  {
    const std::scoped_lock lock(mutex_);
    bell_ = true;
  }
  rung_.notify_one();
}

void WorkerThread::drain() {
  {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
    bell_ = true;
  }
  rung_.notify_one();
}

bool WorkerThread::drained() const {
  const std::scoped_lock lock(mutex_);
  return drained_;
}

WorkerReport WorkerThread::report() const {
  const std::scoped_lock lock(mutex_);
  auto report = report_;
  report.silent_ms += steady_clock_ms() - report.made_at;
  return report;
}

void WorkerThread::run() {
  Worker& worker = parts_->worker();
  bool draining = false;
  TimeMs reported_at = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (draining_ && !draining) {
      draining = true;
      worker.drain();
    }
    bell_ = false;
    lock.unlock();
    worker.step(steady_clock_ms(), wall_clock_ms());
    const auto now = steady_clock_ms();
    if (now - reported_at >= kReportMs) {
      reported_at = now;
      auto report = parts_->report();
      tell_news(report);
      lock.lock();
      report_ = std::move(report);
    } else {
      lock.lock();
    }
    if (worker.drained()) break;
    const auto wait = std::clamp<TimeMs>(worker.due() - now, 0, kSleepMsMax);
    rung_.wait_for(lock, std::chrono::milliseconds(wait), [this] { return bell_; });
  }
  lock.unlock();
  parts_->close();
  lock.lock();
  drained_ = true;
  lock.unlock();
  ended_();
}

/// Says what an operator must know, once for each time that it changes.
void WorkerThread::tell_news(const WorkerReport& report) {
  if (report.stats.store_forgot != told_forgot_) {
    told_forgot_ = report.stats.store_forgot;
    spdlog::warn(
        "worker {}: the store went away or started again, and may have forgotten rows that it acknowledged: the {} "
        "partitions are read again from their watermarks, and the rows written again",
        parts_->number(), report.partitions.size());
  }
  for (const PartitionHealth& partition : report.partitions) {
    const auto at = partition.partition.value;
    if (told_.size() <= at) told_.resize(at + 1U);
    const auto& news = !partition.alarm.empty() ? partition.alarm : partition.store_failure;
    if (told_[at] == news) continue;
    told_[at] = news;
    if (news.empty()) {
      spdlog::info("worker {}: partition {} goes on", parts_->number(), at);
    } else if (!partition.alarm.empty()) {
      spdlog::error("worker {}: partition {} stopped: {}", parts_->number(), at, news);
    } else {
      spdlog::warn("worker {}: partition {}: {}", parts_->number(), at, news);
    }
  }
}

}  // namespace quipu
