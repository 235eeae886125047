#include "cluster/grow_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "aggregate/partition_state.h"
#include "cluster/epoch_writer.h"
#include "cluster/shared_parts.h"
#include "cluster/waiting_store.h"
#include "kafka/topic_growth.h"
#include "node/doorbell.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "store/flushed_mark.h"
#include "store/open_partitions.h"

namespace quipu {
namespace {

/// Brokers hear of added partitions one after another. From then on a worker that reads a RESET has asked how many
/// there are before it lets its watermark pass. Longer than clients go on with what they know of a topic (5 s), so that
/// no node's writes stumble over a partition that its client does not know.
constexpr std::int64_t kSettleMs = 6'000;
constexpr std::int64_t kLookMs = 250;
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
    spdlog::info("waiting until the store's watermarks have passed what the {} older partitions had", report_.before);
    const auto before = ends(0, report_.before);
    if (auto passed = wait_for("recovery begins before what they had", before, [this] { return watermarks(); });
        !passed) {
      return std::unexpected(passed.error());
    }
    WaitingStore waiting(*store_.store, bell_, WaitingStore::kAnswerMsMax, interrupted_);
    auto told = write_epochs(waiting, *log_, PartitionId{report_.before}, bell_);
    if (!told) return std::unexpected(told.error());
    report_.counters_reset = *told;
    spdlog::info("the added partitions know of {} counters that were reset; waiting until workers have read them",
                 *told);
    const auto added = ends(report_.before, partitions_);
    if (auto read = wait_for("no worker has read them", added, [this] { return flushed(); }); !read) {
      return std::unexpected(read.error());
    }
    if (auto opened = open_partitions(waiting); !opened) return std::unexpected(opened.error());
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
      std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
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

  /// The newest frames of the partitions from `first` to below `last`.
  PartitionOffsets ends(std::uint16_t first, std::uint16_t last) const {
    PartitionOffsets newest;
    for (auto at = first; at < last; ++at) {
      newest[PartitionId{at}] = Offset{log_->bounds(PartitionId{at}).end.value - 1};
    }
    return newest;
  }

  Result<PartitionOffsets> watermarks() {
    const auto marks = store_.store->watermarks();
    if (!marks) return std::unexpected(marks.error());
    PartitionOffsets found;
    for (const Watermark& mark : *marks) {
      if (generation_of(mark) == identity_.log.generation) found[mark.partition] = mark.offset;
    }
    // One without a frame has nothing that could be passed.
    for (std::uint16_t at = 0; at < report_.before; ++at) found.try_emplace(PartitionId{at});
    return found;
  }

  Result<PartitionOffsets> flushed() {
    const auto settings = store_.store->settings();
    if (!settings) return std::unexpected(settings.error());
    PartitionOffsets found;
    for (const auto& [name, text] : *settings) {
      const auto mark = parse_flushed(name, text);
      if (!mark) return std::unexpected(mark.error());
      if (*mark && (*mark)->generation == identity_.log.generation) found[(*mark)->partition] = (*mark)->offset;
    }
    return found;
  }

  /// Until `look` finds each partition as far as `goal` says, or none of those that are not has moved for too long.
  template <class Look>
  Result<void> wait_for(const char* lacking, const PartitionOffsets& goal, Look look) {
    const auto stall_ms = kStallMs + 2 * config_.cluster.commit_delay_ms + 2 * config_.flush_interval_ms;
    auto behind = partitions_behind(goal, {});
    for (auto until = steady_clock_ms() + stall_ms;; std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs))) {
      if (interrupted_()) return ended();
      const auto found = look();
      const bool passes = !found && (found.error().code == Code::kBusy || found.error().code == Code::kTimeout ||
                                     found.error().code == Code::kUnknown);
      if (!found && !passes) return std::unexpected(found.error());
      if (found) {
        auto now = partitions_behind(goal, *found);
        if (now.empty()) return {};
        if (now != behind) until = steady_clock_ms() + stall_ms;
        behind = std::move(now);
      }
      if (steady_clock_ms() < until) continue;
      if (!found) return std::unexpected(found.error());
      std::string names;
      for (const auto& each : behind) names += (names.empty() ? "" : ", ") + std::to_string(each.first.value);
      return failure(Code::kConflict,
                     fmt::format("partitions {}: {}, and none of them has moved for {} s. See that workers run and "
                                 "that none of these is stopped (`quipu log status`), then run this again: it goes "
                                 "on from here",
                                 names, lacking, stall_ms / 1'000));
    }
  }

  Result<void> open_partitions(WaitingStore& waiting) {
    const auto there = open_partitions_of(*store_.store, identity_);
    if (!there) return std::unexpected(there.error());
    if (*there >= partitions_) return {};  // Another one has just opened as many, or more.
    const OpenPartitions open{identity_.log.generation, partitions_};
    if (auto put = waiting.write({}, {{std::string(kOpenPartitionsSetting), open_partitions_text(open)}}, true); !put) {
      return put;
    }
    const auto now = open_partitions_of(*store_.store, identity_);
    if (!now) return std::unexpected(now.error());
    if (*now >= partitions_) return {};
    return failure(Code::kBusy,
                   "the store does not say what was written: another process wrote at the same moment; run this again");
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

PartitionOffsets partitions_behind(const PartitionOffsets& goal, const PartitionOffsets& found) {
  PartitionOffsets behind;
  for (const auto& [partition, offset] : goal) {
    const auto there = found.find(partition);
    const auto reached = there == found.end() ? kNoOffset : there->second;
    if (reached < offset) behind.emplace(partition, reached);
  }
  return behind;
}

Result<GrownLog> grow_log(const Config& config, std::uint16_t partitions, const std::function<bool()>& interrupted) {
  tell_on_standard_error();
  return Growth(config, partitions, interrupted).run();
}

}  // namespace quipu
