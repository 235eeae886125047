#include "cluster/new_log.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/epoch_writer.h"
#include "cluster/shared_parts.h"
#include "cluster/waiting_store.h"
#include "event/frame.h"
#include "ingest/policy_text.h"
#include "node/bring_in.h"
#include "node/data_directory.h"
#include "node/doorbell.h"
#include "node/embedded.h"
#include "node/log_lines.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

/// One write of rows; as many as a store takes at a time without being slow.
constexpr std::size_t kRowsPerWrite = 1'000;
constexpr Offset kFirstOffset{1};
constexpr std::int64_t kReadMsMax = 30'000;  // For one frame of a partition.
constexpr std::int64_t kTurnMs = 50;
constexpr std::int64_t kRetryMs = 1'000;

Result<std::unique_ptr<KafkaLog>> open_next(const Config& config, Generation before, Doorbell& bell) {
  if (before.value >= kGenerationMax) return failure(Code::kRefused, "there were as many logs as can be counted");
  auto options = kafka_options(config, [&bell] { bell.ring(); });
  if (!options) return std::unexpected(options.error());
  options->generation = Generation{before.value + 1};
  return KafkaLog::open(std::move(*options));
}

/// A topic in which another log's frames stand, such as those of a node that went on while it was made anew, is no
/// beginning: workers would stop at them. Frames of its own are there where this was interrupted before.
Result<void> expect_own_frames(KafkaLog& log, const std::string& topic, Doorbell& bell) {
  const auto refused = [&](PartitionId partition, const std::string& what) {
    return failure(Code::kRefused, "topic " + topic + ", partition " + std::to_string(partition.value) + " " + what +
                                       ": it is no new log. Stop all nodes and workers, and name another topic by "
                                       "kafka.topic, or make this one anew");
  };
  for (std::uint16_t p = 0; p < log.partitions(); ++p) {
    const PartitionId partition{p};
    const auto bounds = log.bounds(partition);
    if (bounds.end <= kFirstOffset) continue;
    if (bounds.begin > kFirstOffset) return refused(partition, "has lost its first records");
    log.seek(partition, kFirstOffset);
    LogRead read;
    for (const auto until = steady_clock_ms() + kReadMsMax; read.frames.empty();) {
      if (steady_clock_ms() > until) return busy("topic " + topic + " can not be read now", kRetryMs);
      bell.wait(kTurnMs);
      log.tick(wall_clock_ms());
      auto some = log.read(partition, kFirstOffset, 1);
      if (!some) return std::unexpected(some.error());
      read = std::move(*some);
    }
    const auto frame = decode_frame(read.frame(read.frames.front()));
    if (!frame || frame->header().identity != log.identity()) return refused(partition, "has frames of another log");
  }
  return {};
}

/// Brings everything that a directory's log has into its store, and ends.
Result<void> flush_directory(const Config& config) {
  Config own = config;
  {
    const auto directory = DataDirectory::hold(config.data_dir);
    if (!directory) return std::unexpected(directory.error());
    const auto left = directory->left();
    if (!left) return std::unexpected(left.error());
    if (*left) return {};  // By this, interrupted after it was flushed; nobody has served it since.
    own.log_partitions = directory->partitions();
    own.resp_namespaces = directory->resp_namespaces();
  }
  Doorbell bell;
  auto parts = Embedded::open(own, [&bell] { bell.ring(); });
  if (!parts) return std::unexpected(parts.error());
  return bring_in((*parts)->engine(), bell);
}

using Settings = std::vector<std::pair<std::string, std::string>>;

Result<Settings> policies_of(CounterStore& store) {
  auto settings = store.settings();
  if (!settings) return settings;
  std::erase_if(*settings, [](const auto& setting) { return namespace_of_setting(setting.first).empty(); });
  return settings;
}

Result<void> copy_rows(WaitingStore& from, WaitingStore& to, BegunLog& report) {
  std::string last;
  return from.scan(kRowsPerWrite, [&](const RowBatch& rows) {
    report.rows += rows.size();
    for (const auto& item : rows.items()) {
      auto name = std::string(rows.space(item)) + ":" + std::string(rows.counter(item));
      if (name == last) continue;
      ++report.counters;
      last = std::move(name);
    }
    return to.write(rows, {}, false);
  });
}

/// Makes `report.after` what all processes go by, and sees that it is: another may write at the same moment.
Result<void> put_identity(WaitingStore& waiting, CounterStore& store, const BegunLog& report) {
  if (auto put = waiting.write({}, {{std::string(kClusterSetting), cluster_text(report.after)}}, true); !put)
    return put;
  const auto there = known_identity(store);
  if (there && *there == report.after) return {};
  return failure(Code::kBusy,
                 "the store does not say what was written: another process wrote at the same moment; run this again");
}

}  // namespace

Result<BegunLog> adopt_topic(const Config& config) {
  tell_on_standard_error();
  Doorbell bell;
  auto store = open_shared_store(config.cluster, [&bell] { bell.ring(); });
  if (!store) return std::unexpected(store.error());
  const auto known = known_identity(*store->store);
  if (!known) return std::unexpected(known.error());
  if (!*known) return nothing_started();
  BegunLog report;
  report.before = **known;
  auto log = open_next(config, report.before.log.generation, bell);
  if (!log) return std::unexpected(log.error());
  if ((*log)->identity().random == report.before.log.random) {
    return failure(Code::kRefused, "topic " + config.cluster.kafka_topic +
                                       " is the one that the store counts from: there is nothing to adopt. Where it is "
                                       "damaged, name another topic by kafka.topic, or remove this one first");
  }
  if (auto own = expect_own_frames(**log, config.cluster.kafka_topic, bell); !own) return std::unexpected(own.error());
  auto told = write_epochs(*store->store, **log, bell);
  if (!told) return std::unexpected(told.error());
  report.counters_reset = *told;
  report.after = report.before;
  report.after.log = (*log)->identity();
  report.after.id_partitions = (*log)->partitions();
  WaitingStore waiting(*store->store, bell);
  if (auto put = put_identity(waiting, *store->store, report); !put) return std::unexpected(put.error());
  return report;
}

Result<BegunLog> migrate_store(const Config& config) {
  tell_on_standard_error();
  if (config.cluster.store_kind == "cassandra-counters") {
    return failure(Code::kRefused,
                   "store.kind = \"cassandra-counters\": it counts at least once; totals are not brought there");
  }
  if (auto flushed = flush_directory(config); !flushed) return std::unexpected(flushed.error());
  const auto directory = DataDirectory::hold(config.data_dir);
  if (!directory) return std::unexpected(directory.error());
  Doorbell old_bell;
  Doorbell bell;
  RocksdbStoreOptions old_options;
  old_options.wake = [&old_bell, &bell] {
    old_bell.ring();
    bell.ring();  // Who writes epochs waits for the log too.
  };
  auto old_store = RocksdbStore::open(directory->store_dir(), directory->bases_dir(), std::move(old_options));
  if (!old_store) return std::unexpected(old_store.error());

  auto store = open_shared_store(config.cluster, [&bell] { bell.ring(); });
  if (!store) return std::unexpected(store.error());
  BegunLog report;
  report.before.log = directory->log_identity();
  report.before.secret = directory->secret();
  report.before.id_partitions = directory->id_partitions();
  report.before.resp_namespaces = directory->resp_namespaces();
  const auto marker = migrating_text(report.before);
  const auto claimed = store->claim_setting(std::string(kClusterSetting), marker);
  if (!claimed) return std::unexpected(claimed.error());
  if (*claimed != marker) {
    return failure(Code::kRefused,
                   "the store is in use: it counts from a log, or takes another directory; name an empty one");
  }
  auto log = open_next(config, report.before.log.generation, bell);
  if (!log) return std::unexpected(log.error());
  if (auto own = expect_own_frames(**log, config.cluster.kafka_topic, bell); !own) return std::unexpected(own.error());
  WaitingStore from(**old_store, old_bell);
  WaitingStore to(*store->store, bell);
  if (auto copied = copy_rows(from, to, report); !copied) return std::unexpected(copied.error());
  const auto policies = policies_of(**old_store);
  if (!policies) return std::unexpected(policies.error());
  if (auto put = to.write({}, *policies, true); !put) return std::unexpected(put.error());
  auto told = write_epochs(**old_store, **log, bell);
  if (!told) return std::unexpected(told.error());
  report.counters_reset = *told;

  report.after = report.before;
  report.after.log = (*log)->identity();
  report.after.id_partitions = (*log)->partitions();
  // Before the store counts from its topic: a directory that went on would count what nobody brings over.
  const auto& cluster = config.cluster;
  const auto& place =
      cluster.store_kind == "postgres" ? std::string("PostgreSQL") : "keyspace " + cluster.cassandra_keyspace;
  if (auto left = directory->leave("topic " + cluster.kafka_topic + " and " + place); !left) {
    return std::unexpected(left.error());
  }
  if (auto put = put_identity(to, *store->store, report); !put) return std::unexpected(put.error());
  return report;
}

}  // namespace quipu
