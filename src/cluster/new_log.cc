#include "cluster/new_log.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/epoch_writer.h"
#include "cluster/shared_parts.h"
#include "cluster/waiting_store.h"
#include "ingest/policy_text.h"
#include "node/bring_in.h"
#include "node/data_directory.h"
#include "node/doorbell.h"
#include "node/embedded.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "worker/in_order_appender.h"
#include "worker/log_adoption.h"
#include "worker/new_log_check.h"
#include "worker/setting_put.h"

namespace quipu {
namespace {

/// One write of rows; as many as a store takes at a time without being slow.
constexpr std::size_t kRowsPerWrite = 1'000;
/// A migration brings all rows over so often, where nodes of the store start again meanwhile.
constexpr int kCopiesMax = 3;
constexpr std::int64_t kTurnMs = 50;

Result<std::unique_ptr<KafkaLog>> open_next(const Config& config, Generation before, Doorbell& bell) {
  const auto next = generation_after(before);
  if (!next) return std::unexpected(next.error());
  auto options = kafka_options(config, [&bell] { bell.ring(); });
  if (!options) return std::unexpected(options.error());
  options->generation = *next;
  return KafkaLog::open(std::move(*options));
}

/// Takes steps until they are through.
Result<void> go_through(EventLog& log, Doorbell& bell, const std::function<Result<bool>()>& step) {
  while (true) {
    const auto done = step();
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
    bell.wait(kTurnMs);
    log.tick(wall_clock_ms());
  }
}

NewLogCheck::Seek seek_in(KafkaLog& log) {
  return [&log](PartitionId partition, Offset next) { log.seek(partition, next); };
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

/// Brings rows and namespaces over. Again from the first row where nodes of the store may have forgotten what they had
/// of it: no log has those totals any more.
Result<void> copy_all(CounterStore& old_store, WaitingStore& from, WaitingStore& to, BegunLog& report) {
  const auto policies = policies_of(old_store);
  if (!policies) return std::unexpected(policies.error());
  for (int copies = 0; copies < kCopiesMax; ++copies) {
    report.rows = report.counters = 0;
    const auto forgot = to.forgot();
    if (auto copied = copy_rows(from, to, report); !copied) return copied;
    if (auto put = to.write({}, *policies, true); !put) return put;
    if (to.forgot() == forgot) return {};
  }
  return failure(Code::kBusy, "nodes of the store start again, over and over, while it is written");
}

}  // namespace

Result<BegunLog> adopt_topic(const Config& config) {
  tell_on_standard_error();
  Doorbell bell;
  // Of a row that one replica alone has no worker writes the reset again: the new log must be told of it.
  auto store = open_shared_store(config.cluster, [&bell] { bell.ring(); }, StoreScans::kAllReplicas);
  if (!store) return std::unexpected(store.error());
  const auto known = known_identity(*store->store);
  if (!known) return std::unexpected(known.error());
  if (!*known) return nothing_started();
  BegunLog report;
  report.before = **known;
  auto log = open_next(config, report.before.log.generation, bell);
  if (!log) return std::unexpected(log.error());
  report.after = counting_from(report.before, (*log)->identity(), (*log)->partitions());
  LogAdoptionOptions options;
  options.before = report.before.log;
  options.topic = config.cluster.kafka_topic;
  options.setting = kClusterSetting;
  options.text = cluster_text(report.after);
  InOrderAppender appender(**log, new_node(), options.retry_ms);
  LogAdoption adoption(options, **log, seek_in(**log), *store->store, appender);
  const auto adopted =
      go_through(**log, bell, [&adoption] { return adoption.step(steady_clock_ms(), wall_clock_ms()); });
  if (!adopted) return std::unexpected(adopted.error());
  report.counters_reset = adoption.counters();
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
  NewLogCheck check({config.cluster.kafka_topic}, **log, seek_in(**log));
  if (auto own = go_through(**log, bell, [&check] { return check.step(steady_clock_ms()); }); !own) {
    return std::unexpected(own.error());
  }
  WaitingStore from(**old_store, old_bell);
  WaitingStore to(*store->store, bell);
  if (auto copied = copy_all(**old_store, from, to, report); !copied) return std::unexpected(copied.error());
  auto told = write_epochs(**old_store, **log, bell);
  if (!told) return std::unexpected(told.error());
  report.counters_reset = *told;
  check.again(steady_clock_ms());
  if (auto own = go_through(**log, bell, [&check] { return check.step(steady_clock_ms()); }); !own) {
    return std::unexpected(own.error());
  }

  report.after = counting_from(report.before, (*log)->identity(), (*log)->partitions());
  // Before the store counts from its topic: a directory that went on would count what nobody brings over.
  const auto& cluster = config.cluster;
  const auto& place =
      cluster.store_kind == "postgres" ? std::string("PostgreSQL") : "keyspace " + cluster.cassandra_keyspace;
  if (auto left = directory->leave("topic " + cluster.kafka_topic + " and " + place); !left) {
    return std::unexpected(left.error());
  }
  SettingPut identity({}, *store->store, std::string(kClusterSetting), cluster_text(report.after));
  if (auto put = go_through(**log, bell, [&identity] { return identity.step(steady_clock_ms()); }); !put) {
    return std::unexpected(put.error());
  }
  return report;
}

}  // namespace quipu
