#include "cli/config_keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cli/cluster_keys.h"
#include "cli/key_makers.h"
#include "event/frame.h"

namespace quipu {
namespace {

using namespace keys;

using K = KeyKind;

std::vector<ConfigKey> keys_of_one_process() {
  const auto add = [](KeySpec spec, auto field) { return key<Config>(std::move(spec), field); };
  return {
      add(text("data.dir", 1, "Where log, store and identity are kept; made when it is absent."),
          [](Config& c) -> auto& { return c.data_dir; }),
      add(address("http.listen", "Where HTTP is served; empty turns it off."),
          [](Config& c) -> auto& { return c.http_listen; }),
      add(list("http.cors_origins", "Origins whose pages may read answers; none by default."),
          [](Config& c) -> auto& { return c.http_cors_origins; }),
      add(flag("http.public_view", "Whether POST /view needs no API key, so that pages in browsers can send it.",
               "where false: 401 without a key, where there are keys"),
          [](Config& c) -> auto& { return c.http_public_view; }),
      add(address("resp.listen", "Where the Redis protocol is served; empty turns it off."),
          [](Config& c) -> auto& { return c.resp_listen; }),
      add(list("resp.namespaces",
               "Namespaces that a key's prefix `name:` means; fixed when the data directory is made."),
          [](Config& c) -> auto& { return c.resp_namespaces; }),

      add(text("auth.keys_file", 0, "The file of the API keys (docs/operations/keys.md); empty is none."),
          [](Config& c) -> auto& { return c.auth_keys_file; }),
      add(flag("auth.insecure", "Whether other addresses than those of the loopback are served without API keys.",
               "where false: the service does not start"),
          [](Config& c) -> auto& { return c.auth_insecure; }),

      add(number("log.partitions", K::kInteger, 1, kPartitionsMax,
                 "Partitions of the log; fixed when the data directory is made.", ""),
          [](Config& c) -> auto& { return c.log_partitions; }),
      add(number("log.segment_bytes", K::kBytes, 8 * kMiB, 4 * kGiB, "Size of a segment file, a multiple of 4096.",
                 "the next segment is begun"),
          [](Config& c) -> auto& { return c.log_segment_bytes; }),
      add(number("log.retain_hours", K::kInteger, 0, 24 * 365 * 100, "Hours for which the log is kept.",
                 "segments below the oldest base are removed"),
          [](Config& c) -> auto& { return c.log_retain_hours; }),
      add(number("log.retain_bytes", K::kBytes, 0, 1'024 * kTiB, "How much of the log is kept.",
                 "segments below the oldest base are removed"),
          [](Config& c) -> auto& { return c.log_retain_bytes; }),
      add(number("log.pending_bytes", K::kBytes, 2 * static_cast<std::int64_t>(kFrameBytesMax), 16 * kGiB,
                 "Frames that wait for the disk.", "writes are answered as busy"),
          [](Config& c) -> auto& { return c.log_pending_bytes; }),
      add(number("log.disk_wait_us", K::kInteger, 0, 100'000,
                 "Microseconds up to which a disk is quick enough to be waited for by the thread that serves.",
                 "another thread writes"),
          [](Config& c) -> auto& { return c.log_disk_wait_us; }),
      add(number("log.commit_wait_us", K::kInteger, 0, 10'000,
                 "Microseconds for which a commit waits for as many events as the one before it had.",
                 "what is there is committed"),
          [](Config& c) -> auto& { return c.log_commit_wait_us; }),

      add(number("flush.interval", K::kDuration, 10, kHour, "How often changed totals are written to the store.", ""),
          [](Config& c) -> auto& { return c.flush_interval_ms; }),
      add(number("flush.dirty_bytes", K::kBytes, kMiB, kTiB,
                 "Changed totals that are not in the store yet; by default at most half of memory.table_bytes.",
                 "writes are answered as busy"),
          [](Config& c) -> auto& { return c.flush_dirty_bytes; }),
      add(number("flush.sync_interval", K::kDuration, 100, kDay,
                 "How often the store is made durable, which bounds what a restart replays.", ""),
          [](Config& c) -> auto& { return c.flush_sync_ms; }),
      add(number("base.interval", K::kDuration, kSecond, 30 * kDay,
                 "How often a checkpoint of the store is made, below which the log can be trimmed.", ""),
          [](Config& c) -> auto& { return c.base_interval_ms; }),
      add(number("base.log_bytes", K::kBytes, 16 * kMiB, 1'024 * kTiB,
                 "Log since the last checkpoint after which the next is made early.", "a checkpoint is made"),
          [](Config& c) -> auto& { return c.base_log_bytes; }),

      add(number("memory.table_bytes", K::kBytes, 16 * kMiB, 12 * kGiB,
                 "Memory for the table of totals. Beside it: the store's buffers and cache, and the "
                 "memory that the log, the ids and the clients are allowed.",
                 "totals that were not used of late are evicted, and read back when touched"),
          [](Config& c) -> auto& { return c.memory_table_bytes; }),
      add(number("idempotency.window", K::kInteger, 1, std::int64_t{1} << 30, "Ids remembered in each partition.",
                 "the oldest id is forgotten; a repeat of it counts again"),
          [](Config& c) -> auto& { return c.idempotency_window; }),
      add(number("idempotency.sources", K::kInteger, 1, 100'000'000, "Sources remembered in each partition.",
                 "the source that was silent longest is forgotten"),
          [](Config& c) -> auto& { return c.sources_max; }),

      add(flag("namespaces.auto_create", "Whether the first write over HTTP makes a namespace.",
               "where false: 404, nothing is counted"),
          [](Config& c) -> auto& { return c.namespaces_auto_create; }),
      add(number("namespaces.max", K::kInteger, 2, 1'000'000, "Namespaces that may exist.", "400, nothing is counted"),
          [](Config& c) -> auto& { return c.namespaces_max; }),

      add(number("limits.header_bytes", K::kBytes, kKiB, 16 * kMiB, "Request line and headers of one HTTP request.",
                 "431, closed"),
          [](Config& c) -> auto& { return c.limits.header_bytes_max; }),
      add(number("limits.body_bytes", K::kBytes, kKiB, kGiB, "Body of one HTTP request.", "413, closed"),
          [](Config& c) -> auto& { return c.limits.body_bytes_max; }),
      add(number("limits.batch_events", K::kInteger, 1, 1'000'000,
                 "Events in one POST /v1/events, commands in one MULTI.", "413 or an error, nothing is counted"),
          [](Config& c) -> auto& { return c.limits.batch_events_max; }),
      add(number("limits.counters_per_read", K::kInteger, 1, 1'000'000, "Counters of one GET, keys of one MGET.",
                 "400 or an error"),
          [](Config& c) -> auto& { return c.limits.counters_per_read_max; }),
      add(number("limits.pipeline_requests", K::kInteger, 1, 1'000'000,
                 "Requests of one connection that are applied as one batch.", "the rest waits for the next turn"),
          [](Config& c) -> auto& { return c.limits.pipeline_requests_max; }),
      add(number("limits.resp_arguments", K::kInteger, 4, 2'000'000, "Arguments of one RESP command.",
                 "a protocol error, closed"),
          [](Config& c) -> auto& { return c.limits.resp_arguments_max; }),
      add(number("limits.resp_argument_bytes", K::kBytes, 2 * kKiB, 512 * kMiB, "One argument of a RESP command.",
                 "a protocol error, closed"),
          [](Config& c) -> auto& { return c.limits.resp_argument_bytes_max; }),
      add(number("limits.resp_inline_bytes", K::kBytes, 2 * kKiB, 512 * kMiB, "One inline RESP command.",
                 "a protocol error, closed"),
          [](Config& c) -> auto& { return c.limits.resp_inline_bytes_max; }),
      add(number("limits.input_bytes", K::kBytes, 4 * kKiB, 2 * kGiB,
                 "Bytes kept of one connection that are not parsed yet.",
                 "nothing more is read until there is room; a RESP command above it is a protocol error, closed"),
          [](Config& c) -> auto& { return c.limits.input_bytes_max; }),
      add(number("limits.output_bytes", K::kBytes, 64 * kKiB, 4 * kGiB, "Replies that one client has not read yet.",
                 "nothing more is parsed until it reads"),
          [](Config& c) -> auto& { return c.limits.output_bytes_max; }),
      add(number("limits.clients_bytes", K::kBytes, kMiB, kTiB,
                 "Memory for all clients together, beyond 16KiB of each: input, unread replies, batches under way.",
                 "a client that holds more than 16KiB is not read until there is room; after limits.request it is told "
                 "503 or -BUSY and closed, at twice the bound at once, without a word where replies wait"),
          [](Config& c) -> auto& { return c.limits.clients_bytes_max; }),
      add(number("limits.auth_failures", K::kInteger, 1, 1'000'000, "Wrong API keys on one connection.", "closed"),
          [](Config& c) -> auto& { return c.limits.auth_failures_max; }),
      add(number("limits.connections", K::kInteger, 1, 1'000'000, "Connections of each listener.",
                 "accepted, told 503 or -BUSY, closed"),
          [](Config& c) -> auto& { return c.limits.connections_max; }),
      add(number("limits.idle", K::kDuration, 0, 30 * kDay, "A connection may be silent so long; 0 is for ever.",
                 "closed"),
          [](Config& c) -> auto& { return c.limits.idle_ms; }),
      add(number("limits.request", K::kDuration, 100, kHour, "From a request's first byte to its last.", "408, closed"),
          [](Config& c) -> auto& { return c.limits.request_ms; }),
      add(number("limits.write", K::kDuration, 100, kHour, "A client may leave its replies unread so long.",
                 "closed; one that reads some of them only where limits.clients_bytes is seven eighths full and it "
                 "holds more than 16KiB"),
          [](Config& c) -> auto& { return c.limits.write_ms; }),
      add(number("limits.after_wait", K::kDuration, 0, kHour, "The longest `timeout=` of a read with `after=`.", "400"),
          [](Config& c) -> auto& { return c.limits.after_wait_ms_max; }),
      add(number("limits.future", K::kDuration, 0, 365 * kDay, "How far ahead of the clock an event's time may be.",
                 "400, nothing is counted"),
          [](Config& c) -> auto& { return c.future_ms_max; }),

      add(choice("diagnostics.log_level", {"trace", "debug", "info", "warn", "error", "off"},
                 "How much is written to standard error."),
          [](Config& c) -> auto& { return c.log_level; }),
      add(choice("diagnostics.log_format", {"text", "json"}, "How the service's own log lines are written."),
          [](Config& c) -> auto& { return c.log_format; }),
      add(text("diagnostics.phases_file", 0,
               "A file that shows what the process is in the middle of, for tests that kill it; empty is none."),
          [](Config& c) -> auto& { return c.phases_file; }),
  };
}

/// Those of the other machines stand behind those of the process, in front of its diagnostics.
std::vector<ConfigKey> make_config_keys() {
  auto all = keys_of_one_process();
  auto beyond = cluster_keys();
  const auto diagnostics =
      std::ranges::find_if(all, [](const ConfigKey& key) { return key.spec.name.starts_with("diagnostics."); });
  all.insert(diagnostics, std::make_move_iterator(beyond.begin()), std::make_move_iterator(beyond.end()));
  return all;
}

std::vector<PolicyKey> make_policy_keys() {
  const auto add = [](KeySpec spec, auto field) { return key<NamespacePolicy>(std::move(spec), field); };
  return {
      add(choice("ack", {"durable", "memory"},
                 "What a write gets that does not ask: an answer when it is on disk, or at once."),
          [](NamespacePolicy& p) -> auto& { return p.ack; }),
      add(flag("memory_allowed", "Whether a write may ask for `ack=memory`.", "where false: 400, nothing is counted"),
          [](NamespacePolicy& p) -> auto& { return p.memory_allowed; }),
      add(number("viewer_window", K::kDuration, 0, 365 * kDay,
                 "Each viewer counts once in each window of this length; 0 counts every view.", "not counted again"),
          [](NamespacePolicy& p) -> auto& { return p.viewer_window_ms; }),
      add(number("id_promise", K::kDuration, 0, 365 * kDay,
                 "How long ids should be remembered; a metric warns when the window covers less. 0 is no promise.", ""),
          [](NamespacePolicy& p) -> auto& { return p.id_promise_ms; }),
  };
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = make_config_keys();
  return keys;
}

const std::vector<PolicyKey>& policy_keys() {
  static const std::vector<PolicyKey> keys = make_policy_keys();
  return keys;
}

}  // namespace quipu
