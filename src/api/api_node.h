#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aggregate/id_window.h"
#include "aggregate/source_table.h"
#include "api/flushed_marks.h"
#include "api/hot_counters.h"
#include "api/known_totals.h"
#include "api/node_frames.h"
#include "api/producer_session.h"
#include "api/store_calls.h"
#include "api/store_walks.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "cache/totals_cache.h"
#include "engine/counter_service.h"
#include "ingest/namespaces.h"
#include "log/event_log.h"
#include "query/total_reader.h"
#include "store/settings_reader.h"
#include "store/source_reader.h"

namespace quipu {

struct ApiNodeOptions {
  HashSecret secret;                 ///< Of the log; the same on all nodes.
  std::uint16_t id_partitions = 16;  ///< P0: ids, sources and resets keep to these partitions.
  /// How many partitions take events; 0: all that the log has at the start. Those that are added later take some as
  /// soon as the store says that they are open (store/open_partitions.h).
  std::uint16_t open_partitions = 0;
  std::size_t namespaces_max = 1'000;
  bool namespaces_auto_create = true;
  std::vector<std::string> namespaces_present = {"default", "views"};
  ProducerOptions producer{};
  std::size_t frame_bytes = std::size_t{64} << 10;  ///< A frame of this size is closed.
  std::int64_t linger_ms = 5;     ///< The longest that a frame waits for more while others are under way.
  std::size_t ids_max = 100'000;  ///< Ids that the node knows again by itself, to tell a client of its repeat.
  HotCounterOptions hot{};
  KnownTotalsOptions known{};
  TotalReaderOptions reader{};  ///< Its secret is set from the one above.
  /// A source that neither this node nor the store knows, and that does not begin with 1, may be one that another node
  /// has just written: it is answered as busy for so long, then refused.
  std::int64_t source_settle_ms = 10'000;
  std::int64_t base_wait_ms = 500;  ///< A write waits for the first base of its counter for so long, then does without.
  /// Within so long every worker hears that the store may have forgotten: until then no mark of theirs is believed.
  std::int64_t store_news_ms = 11'000;
  std::int64_t settings_ms = 1'000;     ///< How often the store's settings are read ...
  std::int64_t settings_wait_ms = 100;  ///< ... and how often while a read waits for a position.
};

/// One of any number of nodes without state: writes what clients send to a log of many writers, and answers reads from
/// the store that the log's workers fill.
///
///   batch ─► route ─► open frame of a partition ─► ProducerSession ─► log: all its frames durable ─► batch_done
///      └───► reads ─► TotalReader: local ─ cache ─ store ─────────────────────────────────────────────► batch_done
///
/// A batch is answered when all of it is durable, so replies are held for nothing more (`durable()` is kNoOffset). What
/// a frame's fate leaves open is answered as unknown. Plain events go to their counter's home partition, those of a hot
/// counter to several in turn; ids, sources and resets keep to the partitions that the log began with. A reset holds
/// from its place in the log on, and is answered when it is there; reads show it when it is flushed.
///
/// A reset of a counter that is not there is logged too: what another node has just written may not be in the store
/// yet. Totals that writes answer with are the best that the node knows (KnownTotals); NX and XX go by the same.
/// Repeats of ids are told to the client where this node saw the id of late; whether one counts is decided behind the
/// log. Pure: no clock, thread, socket. Thread: one. What it is given must outlive it.
class ApiNode final : public CounterService {
 public:
  /// `cache` may be null.
  ApiNode(const ApiNodeOptions& options, EventLog& log, CounterStore& store, SettingsReader& settings,
          SourceReader& sources, TotalsCache* cache);
  ~ApiNode() override;

  /// Reads the store's settings (this waits for the store), and serves. kDamaged where they can not be read.
  Result<void> start(TimeMs now);

  void tick(TimeMs now) override { now_ = now; }
  TimeMs step(TimeMs now, bool may_commit = true) override;
  void drain() override;
  bool submit(Batch& batch, BatchClient& client) override;

  Offset durable() const override { return kNoOffset; }
  Offset newest() const override { return kNoOffset; }
  /// By what the workers say of the partitions' rows, which is asked for again and again while somebody waits.
  Result<Reach> reach(std::span<const Position> after) override;

  /// The newest that this node has acknowledged, or was told of by the store when it was last asked.
  std::uint64_t last_sequence(const Hash128& source) const override;
  std::vector<ShardView> shards(NamespaceId space, std::string_view counter) const override;
  std::uint64_t count(const std::vector<NamespaceId>& spaces) const override { return walks_->count(spaces); }
  EngineStats stats() const override;

  void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done) override;
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) override;
  void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) override;
  void put_namespace(std::string_view name, const NamespacePolicy& policy,
                     std::function<void(Result<void>)> done) override;

  /// What it counts as it goes: at the same place for as long as it lives.
  const EngineStats& counted() const { return stats_; }
  const ProducerSession& producer() const { return producer_; }
  const TotalReader& reader() const { return reader_; }
  std::size_t hot_counters() const { return hot_.hot(); }
  /// How often the store's settings came and had something in them that can not be read: what was known stays.
  std::uint64_t settings_unread() const { return settings_unread_; }

 private:
  using Named = NodeFrames::Named;
  class ResetAll;

  /// A frame that a batch waits for.
  struct FrameWait {
    std::uint64_t serial = 0;
    Result<Offset> offset{Offset{}};
  };
  /// A batch on its way. While it is, an outcome's `offset` is the place of its frame in `frames`, from 1; a write's
  /// `before` is the sum of the node's own events up to it, and `saturated` says that its `value` is settled.
  struct Waiting {
    Batch* batch = nullptr;
    BatchClient* client = nullptr;
    std::vector<FrameWait> frames;
    std::size_t frames_left = 0;
    std::size_t reads_left = 0;
    std::size_t bases_left = 0;  // Of those: first bases of what is written.
    TimeMs since = 0;
    bool written = false;
    std::vector<TotalReader::Total> totals;  // By operation; empty where none was read.
    /// What was written before a base was known: the operation, and where it stands.
    std::vector<std::pair<std::size_t, KnownTotals::Place>> unsettled;

    bool done() const { return written && frames_left == 0 && reads_left == 0; }
  };
  /// Who waits for a frame: a batch, and the place in its `frames`.
  struct FrameWaiter {
    std::uint64_t batch = 0;
    std::size_t place = 0;
  };
  /// What was asked for: a total for an operation of a batch, or (batch 0) a new base of what this node writes; or what
  /// the store knows of a source.
  struct Asked {
    std::uint64_t batch = 0;
    std::size_t operation = 0;
    NamespaceId space{};
    std::string counter;
    std::uint32_t reading = 0;  // Of KnownTotals.
    std::optional<Hash128> source{};
  };

  // api_node_writes.cc
  void write(Waiting& waiting, std::uint64_t batch);
  bool admit(std::span<const Operation> group, std::span<Outcome> outcomes);
  bool validate(std::span<const Operation> group, std::span<Outcome> outcomes);
  void write_one(Waiting& waiting, std::uint64_t batch, std::size_t at, bool shows_total);
  void add(Waiting& waiting, std::uint64_t batch, std::size_t at, bool shows_total);
  void reset(Waiting& waiting, std::uint64_t batch, std::size_t at);
  const char* closed_text();
  PartitionId partition_of(const Operation& operation, std::uint64_t routing);
  std::size_t bytes_needed(const Operation& operation) const;
  void make_room(PartitionId partition);
  void wait_for(Waiting& waiting, std::uint64_t batch, std::uint64_t serial, Outcome& outcome);
  void close_frame(PartitionId partition);
  bool close_due_frames();
  void give_up_open_frames(std::vector<FrameOutcome>& outcomes);
  void take_frame_outcomes();
  static void settle_group(std::span<const Operation> group, std::span<Outcome> outcomes);
  void settle_write(const Waiting& waiting, const Operation& operation, Outcome& outcome);
  void settle_totals(const Waiting& waiting) const;

  // api_node_sources.cc
  bool begins_unknown(const Operation& operation) const;
  void look_up_sources(Waiting& waiting, std::uint64_t batch);
  void take_source_answers();
  bool check_source(const Operation& operation, Outcome& outcome);
  void note_sequence(const Hash128& source, std::uint64_t sequence);

  // api_node_reads.cc
  void begin_reads(Waiting& waiting, std::uint64_t batch);
  void read(Waiting& waiting, std::uint64_t batch, std::size_t at);
  void ask_base(Waiting& waiting, std::uint64_t batch, std::size_t at, const Named& counter,
                const KnownTotals::Added& known);
  void take_total(const TotalReader::Answer& answer);
  void give_up_bases();
  void take_totals();
  void show_total(Outcome& outcome, const Operation& operation, const CounterTotal& total) const;
  Named named(NamespaceId space, std::string_view counter) const;

  // api_node.cc
  std::unique_ptr<Waiting> take_waiting(Batch& batch, BatchClient& client);
  void go_on(std::uint64_t batch);
  void finish(std::unique_ptr<Waiting> waiting);
  std::int64_t settings_interval() const;
  void poll_settings();
  void open_partitions();
  Result<void> take_settings(const SettingsReader::Settings& settings, bool policies);
  void announce_namespaces();
  void finish_drain();
  void fail(const Error& error);
  TimeMs next_step() const;

  const ApiNodeOptions options_;
  std::uint16_t partitions_;     // Open ones. The log may have more.
  std::uint16_t told_open_ = 0;  // How many are, by what the store says.
  EventLog& log_;
  SettingsReader& settings_;
  SourceReader& sources_;
  TotalsCache* cache_;
  StoreCalls calls_;
  CounterStore& store_;
  TimeMs now_ = 0;
  NamespaceRegistry spaces_;
  FlushedMarks marks_;
  NodeFrames frames_;
  ProducerSession producer_;
  HotCounters hot_;
  KnownTotals known_;
  TotalReader reader_;
  std::unique_ptr<StoreWalks> walks_;
  std::vector<std::unique_ptr<ResetAll>> resets_;
  EngineStats stats_;

  std::unordered_map<std::uint64_t, std::unique_ptr<Waiting>> waiting_;
  std::vector<std::unique_ptr<Waiting>> spare_;
  std::unordered_map<std::uint64_t, std::vector<FrameWaiter>> frame_waiters_;
  std::unordered_map<std::uint64_t, Asked> asked_;
  std::uint64_t next_batch_ = 1;
  std::uint64_t next_ticket_ = 1;
  const Waiting* answering_ = nullptr;                                          // Whose client is being told.
  boost::unordered_flat_map<Hash128, std::uint64_t, Hash128Hasher> sequences_;  // The last ones known, by source.
  boost::unordered_flat_map<Hash128, TimeMs, Hash128Hasher> strangers_;         // When unknown sources were first met.
  boost::unordered_flat_map<Hash128, std::uint32_t, Hash128Hasher> group_ids_;  // Of the group that is validated.
  IdWindow ids_;  // Of late, here; empty after a frame whose events may not be in the log.
  std::uint64_t turn_ = 0;
  std::size_t batches_without_base_ = 0;  // That wait for one.

  TimeMs settings_asked_at_ = 0;
  bool settings_asked_ = false;
  std::uint64_t settings_unread_ = 0;
  TimeMs reach_asked_at_ = 0;
  bool policies_changed_ = false;  // Since the settings were asked for.
  std::size_t puts_ = 0;           // Of policies, under way.
  std::size_t announced_ = 0;      // Namespaces that the store was told of.
  bool announcing_ = false;

  std::optional<Error> closed_;         // Why the log takes nothing, as of this step.
  std::set<std::string> closed_texts_;  // Those that outcomes may point to.

  std::vector<FrameOutcome> frame_outcomes_;
  std::vector<StoreLoad> loads_;
  std::vector<TotalReader::Answer> totals_;
  std::vector<SourceReader::Answer> source_answers_;
};

}  // namespace quipu
