#include "cluster/grow_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "cluster/shared_parts.h"
#include "kafka/topic_growth.h"
#include "node/doorbell.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "worker/in_order_appender.h"
#include "worker/log_growth.h"

namespace quipu {
namespace {

/// Brokers hear of added partitions one after another. From then on a worker that reads a RESET has asked how many
/// there are before it lets its watermark pass. Longer than clients go on with what they know of a topic (5 s), so that
/// no node's writes stumble over a partition that its client does not know.
constexpr std::int64_t kSettleMs = 6'000;
constexpr std::int64_t kTurnMs = 100;
/// How long nothing may move, beside what the configuration has watermarks wait for.
constexpr std::int64_t kStallMs = 120'000;

class Growth {
 public:
  Growth(const Config& config, std::uint16_t partitions, const std::function<bool()>& interrupted)
      : config_(config), partitions_(partitions), interrupted_(interrupted) {}

  Result<GrownLog> run() {
    if (auto opened = open_store(); !opened) return std::unexpected(opened.error());
    if (auto fine = judge(); !fine) return std::unexpected(fine.error());
    spdlog::info("topic {}: adding partitions, up to {}", config_.cluster.kafka_topic, partitions_);
    if (auto grown = grow_topic(options_, partitions_); !grown) return std::unexpected(grown.error());
    if (auto settled = settle(); !settled) return std::unexpected(settled.error());
    if (auto opened = open_log(); !opened) return std::unexpected(opened.error());
    if (auto opened = open_partitions(); !opened) return std::unexpected(opened.error());
    report_.partitions = partitions_;
    return report_;
  }

 private:
  Result<void> open_store() {
    auto store = open_shared_store(config_.cluster, [this] { bell_.ring(); });
    if (!store) return std::unexpected(store.error());
    store_ = std::move(*store);
    auto known = known_identity(*store_.store);
    if (!known) return std::unexpected(known.error());
    if (!*known) return nothing_started();
    identity_ = std::move(**known);
    if (auto begun = store_.begin_generation(identity_.log.generation); !begun) return begun;
    auto options = kafka_options(config_, [this] { bell_.ring(); });
    if (!options) return std::unexpected(options.error());
    options_ = std::move(*options);
    options_.known = identity_.log;
    const auto open = open_partitions_of(*store_.store, identity_);
    if (!open) return std::unexpected(open.error());
    report_.topic = config_.cluster.kafka_topic;
    report_.generation = identity_.log.generation;
    report_.before = *open;
    return {};
  }

  /// Whether the number makes sense, by what there is now.
  Result<void> judge() {
    const auto& topic = config_.cluster.kafka_topic;
    if (partitions_ > kPartitionsMax) {
      return failure(Code::kRefused, fmt::format("{} partitions: a log has at most {}", partitions_, kPartitionsMax));
    }
    if (partitions_ <= report_.before) {
      return failure(Code::kRefused, fmt::format("{} partitions of topic {} take events already: name more than that; "
                                                 "partitions can not be taken away",
                                                 report_.before, topic));
    }
    auto look = options_;
    look.only_read = true;
    const auto log = KafkaLog::open(std::move(look));
    if (!log) return std::unexpected(log.error());
    if ((*log)->partitions() <= partitions_) return {};
    return failure(
        Code::kRefused,
        fmt::format("topic {} has {} partitions, of which {} take events: name {} to have all of them do, or "
                    "more; partitions can not be taken away",
                    topic, (*log)->partitions(), report_.before, (*log)->partitions()));
  }

  Result<void> settle() {
    for (const auto until = steady_clock_ms() + kSettleMs; steady_clock_ms() < until;) {
      if (interrupted_()) return ended();
      std::this_thread::sleep_for(std::chrono::milliseconds(kTurnMs));
    }
    return {};
  }

  Result<void> open_log() {
    auto log = KafkaLog::open(options_);
    if (!log) return std::unexpected(log.error());
    log_ = std::move(*log);
    if (log_->partitions() >= partitions_) return {};
    return busy("not all brokers know of the added partitions yet: run this again", kSettleMs);
  }

  /// Goes through what LogGrowth does, and says what it waits for.
  Result<void> open_partitions() {
    LogGrowthOptions options;
    options.first = identity_.id_partitions;
    options.before = report_.before;
    options.partitions = partitions_;
    options.stall_ms = kStallMs + 2 * config_.cluster.commit_delay_ms + 2 * config_.flush_interval_ms;
    InOrderAppender appender(*log_, new_node(), options.retry_ms);
    LogGrowth growth(options, *log_, *store_.store, appender);
    std::optional<LogGrowth::Stage> said;
    while (growth.stage() != LogGrowth::Stage::kOpen) {
      if (interrupted_()) return ended();
      if (said != growth.stage()) {
        said = growth.stage();
        tell(growth);
      }
      if (auto done = growth.step(steady_clock_ms(), wall_clock_ms()); !done) return std::unexpected(done.error());
      if (said == growth.stage()) bell_.wait(kTurnMs);
    }
    report_.counters_reset = growth.counters();
    return {};
  }

  void tell(const LogGrowth& growth) const {
    switch (growth.stage()) {
      case LogGrowth::Stage::kPassing:
        spdlog::info("waiting until the store's watermarks have passed what the {} older partitions had",
                     report_.before);
        break;
      case LogGrowth::Stage::kReading:
        spdlog::info("the added partitions know of {} counters that were reset; waiting until workers have read them",
                     growth.counters());
        break;
      case LogGrowth::Stage::kTelling:
      case LogGrowth::Stage::kOpening:
      case LogGrowth::Stage::kOpen:
        break;
    }
  }

  static std::unexpected<Error> ended() {
    return failure(Code::kTimeout, "interrupted: the added partitions take no events yet; run this again to go on");
  }

  const Config& config_;
  const std::uint16_t partitions_;
  const std::function<bool()>& interrupted_;
  Doorbell bell_;
  SharedStore store_;
  std::unique_ptr<KafkaLog> log_;
  ClusterIdentity identity_;
  KafkaOptions options_;
  GrownLog report_;
};

}  // namespace

Result<GrownLog> grow_log(const Config& config, std::uint16_t partitions, const std::function<bool()>& interrupted) {
  tell_on_standard_error();
  return Growth(config, partitions, interrupted).run();
}

}  // namespace quipu
