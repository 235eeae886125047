#include "api/api_node.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "api/reset_all.h"
#include "base/check.h"
#include "base/planted.h"
#include "ingest/names.h"
#include "ingest/policy_text.h"
#include "store/open_partitions.h"

namespace quipu {
namespace {

constexpr std::int64_t kStoppingWaitMs = 500;
constexpr std::int64_t kIdleStepMs = 1'000;
/// Records of batches that are kept for the next ones.
constexpr std::size_t kSpareMax = 256;
/// The setting by which nodes tell each other which namespaces there are, whether they have a policy or not.
constexpr std::string_view kKnownSpace = "known_namespace/";

TotalReaderOptions reader_options(const ApiNodeOptions& options) {
  auto made = options.reader;
  made.secret = options.secret;
  return made;
}

void answer_all(Batch& batch, Code code, const char* text, std::int64_t retry_after_ms) {
  for (Outcome& outcome : batch.outcomes) {
    outcome.error = code;
    outcome.error_text = text;
    outcome.retry_after_ms = retry_after_ms;
  }
}

}  // namespace

ApiNode::ApiNode(const ApiNodeOptions& options, EventLog& log, CounterStore& store, SettingsReader& settings,
                 SourceReader& sources, TotalsCache* cache)
    : options_(options),
      partitions_(options.open_partitions == 0 ? log.partitions() : options.open_partitions),
      log_(log),
      settings_(settings),
      sources_(sources),
      cache_(cache),
      calls_(store, [this] { marks_.forgot(now_); }),
      store_(store),
      spaces_(options.namespaces_max, options.namespaces_auto_create, options.secret.low),
      marks_(log, options.store_news_ms),
      frames_(log.identity(), partitions_, options.secret.low),
      producer_(options.producer, log),
      hot_(options.hot),
      known_(options.known, log),
      reader_(reader_options(options), cache),
      walks_(std::make_unique<StoreWalks>(calls_, spaces_)),
      ids_(options.ids_max) {
  QUIPU_CHECK(options.id_partitions >= 1);
  QUIPU_CHECK(options.id_partitions <= partitions_);
  QUIPU_CHECK(partitions_ <= log.partitions());
  show({&log.identity(), &options_.secret, &spaces_, &now_});
}

ApiNode::~ApiNode() = default;

Result<void> ApiNode::start(TimeMs now) {
  now_ = now;
  for (const auto& name : options_.namespaces_present) {
    if (auto valid = validate_namespace(name); !valid) return valid;
    spaces_.restore(name);
  }
  announced_ = spaces_.size();  // These exist on every node.
  settings_asked_at_ = now;
  const auto settings = store_.settings();
  if (!settings) return std::unexpected(settings.error());
  if (auto taken = take_settings(*settings, true); !taken) return taken;
  state_ = EngineState::kServing;
  return {};
}

Result<void> ApiNode::take_settings(const SettingsReader::Settings& settings, bool policies) {
  const auto before = spaces_.size();
  for (const auto& [name, text] : settings) {
    const auto mark = parse_flushed(name, text);
    if (!mark) return std::unexpected(mark.error());
    if (*mark) {
      marks_.take(**mark, settings_asked_at_);
      continue;
    }
    const auto open = parse_open_partitions(name, text);
    if (!open) return std::unexpected(open.error());
    if (*open) {
      if ((*open)->generation == log_.identity().generation) told_open_ = std::max(told_open_, (*open)->partitions);
      continue;
    }
    const bool known = std::string_view(name).starts_with(kKnownSpace);
    const auto space = known ? std::string_view(name).substr(kKnownSpace.size()) : namespace_of_setting(name);
    if (space.empty()) continue;
    if (!validate_namespace(space)) return quipu::failure(Code::kDamaged, "the store has a setting called " + name);
    const auto id = spaces_.restore(space);
    if (known || !policies) continue;
    const auto policy = parse_policy(text);
    if (!policy) return std::unexpected(policy.error());
    spaces_.set_policy(id, *policy);
  }
  open_partitions();
  // What came from the store need not be told to it, where nothing else is untold.
  if (announced_ == before) announced_ = spaces_.size();
  return {};
}

/// Lets the partitions take events that were opened since, as far as this node's log knows of them.
void ApiNode::open_partitions() {
  const bool at_once = QUIPU_PLANTED("added-partitions-at-once");
  const auto open = at_once ? log_.partitions() : std::min(told_open_, log_.partitions());
  if (open <= partitions_) return;
  QUIPU_MARK("node: added partitions take events");
  producer_.grow(open);
  frames_.grow(open);
  partitions_ = open;
}

/// Sooner while a read waits for a position: who waits asks again after each step.
std::int64_t ApiNode::settings_interval() const {
  const bool awaited = reach_asked_at_ != 0 && now_ - reach_asked_at_ <= 2 * options_.settings_wait_ms;
  return awaited ? options_.settings_wait_ms : options_.settings_ms;
}

/// Asks for the settings when it is time, and takes them. What can not be read leaves things as they are.
void ApiNode::poll_settings() {
  if (settings_asked_) {
    if (const auto answer = settings_.take()) {
      settings_asked_ = false;
      if (*answer && !take_settings(**answer, puts_ == 0 && !policies_changed_)) ++settings_unread_;
    }
    return;
  }
  if (now_ - settings_asked_at_ < settings_interval() && now_ >= settings_asked_at_) return;
  settings_asked_ = true;
  settings_asked_at_ = now_;
  policies_changed_ = false;
  settings_.ask();
}

void ApiNode::announce_namespaces() {
  if (announcing_ || announced_ == spaces_.size()) return;
  announcing_ = true;
  StoreWrite write;
  for (auto i = announced_; i < spaces_.size(); ++i) {
    write.settings.emplace_back(
        std::string(kKnownSpace).append(spaces_.name(NamespaceId{static_cast<std::uint32_t>(i)})), "1");
  }
  calls_.write(std::move(write), [this, end = spaces_.size()](StoreCompletion& completion) {
    announcing_ = false;
    if (completion.result) announced_ = end;
  });
}

TimeMs ApiNode::step(TimeMs now, bool may_commit) {
  now_ = now;
  if (state_ == EngineState::kFailed || state_ == EngineState::kStopped) return now + kIdleStepMs;
  log_.tick(now);
  closed_ = log_.closed();
  if (cache_ != nullptr) cache_->tick(now);
  hot_.tick(now);
  calls_.take_completions();
  poll_settings();
  loads_.clear();
  reader_.step(now, marks_.as_of(now, partitions_), loads_, totals_);
  for (StoreLoad& load : loads_) {
    const auto token = load.token;
    calls_.load(std::move(load), [this, token](StoreCompletion& completion) {
      completion.token = token;
      reader_.loaded(completion, now_, totals_);
    });
  }
  take_totals();
  take_source_answers();
  if (batches_without_base_ > 0) give_up_bases();
  walks_->step(now);
  for (std::size_t i = 0; i < resets_.size();) {
    if (resets_[i]->step()) {
      resets_.erase(resets_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  announce_namespaces();
  producer_.step(now, frame_outcomes_);
  take_frame_outcomes();
  // Partitions whose last frame was just answered can take the next one.
  if (may_commit && close_due_frames()) {
    producer_.step(now, frame_outcomes_);
    take_frame_outcomes();
  }
  if (producer_.failure()) {
    fail(*producer_.failure());
  } else if (state_ == EngineState::kDraining) {
    finish_drain();
  }
  return next_step();
}

TimeMs ApiNode::next_step() const {
  const bool waits = !waiting_.empty() || !producer_.idle() || frames_.bytes() > 0 || reader_.waiting() > 0 ||
                     calls_.pending() > 0 || !resets_.empty() || settings_asked_;
  if (waits) return now_ + 1;
  return std::min(now_ + kIdleStepMs, std::max(settings_asked_at_ + settings_interval(), now_ + 1));
}

void ApiNode::drain() {
  if (state_ == EngineState::kServing) state_ = EngineState::kDraining;
  if (state_ == EngineState::kRecovering) state_ = EngineState::kStopped;
}

void ApiNode::finish_drain() {
  if (!waiting_.empty() || frames_.bytes() > 0 || !producer_.idle() || !walks_->idle() || puts_ > 0) return;
  state_ = EngineState::kStopped;
}

/// The log takes nothing any more. What it may have was answered by its frames' outcomes; the rest was never sent.
void ApiNode::fail(const Error& error) {
  state_ = EngineState::kFailed;
  failure_ = error;
  for (auto& [batch, waiting] : std::exchange(waiting_, {})) {
    for (FrameWait& frame : waiting->frames) {
      if (frame.offset && *frame.offset == kNoOffset) frame.offset = quipu::busy("never sent", kStoppingWaitMs);
    }
    const auto& operations = waiting->batch->operations;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      Outcome& outcome = waiting->batch->outcomes[i];
      const bool read = operations[i].kind == OperationKind::kRead;
      if (outcome.error || (read ? waiting->totals[i] != nullptr : waiting->written)) continue;
      outcome.error = Code::kBusy;
      outcome.error_text = "the service is stopping: its log failed";
      outcome.retry_after_ms = kStoppingWaitMs;
    }
    finish(std::move(waiting));
  }
  resets_.clear();
}

std::unique_ptr<ApiNode::Waiting> ApiNode::take_waiting(Batch& batch, BatchClient& client) {
  std::unique_ptr<Waiting> waiting;
  if (spare_.empty()) {
    waiting = std::make_unique<Waiting>();
  } else {
    waiting = std::move(spare_.back());
    spare_.pop_back();
    waiting->frames.clear();
    waiting->totals.clear();
    waiting->unsettled.clear();
    waiting->frames_left = waiting->reads_left = waiting->bases_left = 0;
    waiting->written = false;
  }
  waiting->batch = &batch;
  waiting->client = &client;
  waiting->since = now_;
  return waiting;
}

bool ApiNode::submit(Batch& batch, BatchClient& client) {
  batch.outcomes.assign(batch.operations.size(), Outcome{});
  batch.durable_at = kNoOffset;
  if (state_ != EngineState::kServing) {
    answer_all(batch, Code::kBusy,
               state_ == EngineState::kRecovering ? "the service is starting" : "the service is stopping",
               kStoppingWaitMs);
    client.batch_done(batch);
    return true;
  }
  stats_.operations += batch.operations.size();
  ++turn_;
  auto waiting = take_waiting(batch, client);
  const auto number = next_batch_++;
  begin_reads(*waiting, number);
  look_up_sources(*waiting, number);
  // What depends on whether a counter exists, or a source, is written when that is known.
  const bool conditional = std::ranges::any_of(batch.operations, [this](const Operation& operation) {
    return operation.kind == OperationKind::kSet || begins_unknown(operation) ||
           (operation.kind == OperationKind::kReset && operation.condition != SetCondition::kAlways);
  });
  if (waiting->reads_left == 0 || !conditional) write(*waiting, number);
  if (waiting->done()) {
    finish(std::move(waiting));
    return true;
  }
  waiting_.emplace(number, std::move(waiting));
  return false;
}

/// Something that a batch waited for is there.
void ApiNode::go_on(std::uint64_t batch) {
  const auto found = waiting_.find(batch);
  QUIPU_CHECK(found != waiting_.end());
  Waiting& waiting = *found->second;
  if (!waiting.written && waiting.reads_left == 0) write(waiting, batch);
  if (!waiting.done()) return;
  auto done = std::move(found->second);
  waiting_.erase(found);
  finish(std::move(done));
}

void ApiNode::finish(std::unique_ptr<Waiting> waiting) {
  if (waiting->bases_left > 0) --batches_without_base_;  // The node fails.
  Batch& batch = *waiting->batch;
  const std::span<const Operation> operations(batch.operations);
  const std::span<Outcome> outcomes(batch.outcomes);
  settle_totals(*waiting);
  for (std::size_t begin = 0; begin < operations.size();) {
    const auto size = std::min<std::size_t>(operations[begin].together, operations.size() - begin);
    for (auto i = begin; i < begin + size; ++i) {
      if (outcomes[i].error) continue;
      if (operations[i].kind == OperationKind::kRead) {
        ++stats_.reads;
        if (waiting->totals[i]) show_total(outcomes[i], operations[i], *waiting->totals[i]);
      } else {
        settle_write(*waiting, operations[i], outcomes[i]);
      }
    }
    settle_group(operations.subspan(begin, size), outcomes.subspan(begin, size));
    begin += size;
  }
  const auto* const before = std::exchange(answering_, waiting.get());
  waiting->client->batch_done(batch);
  answering_ = before;
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(waiting));
}

Result<ApiNode::Reach> ApiNode::reach(std::span<const Position> after) {
  reach_asked_at_ = now_;
  const auto reached = marks_.reached(after);
  if (!reached) return std::unexpected(reached.error());
  return Reach{*reached, kNoOffset};
}

std::vector<ShardView> ApiNode::shards(NamespaceId space, std::string_view counter) const {
  std::vector<ShardView> views;
  if (answering_ == nullptr) return views;
  const auto& operations = answering_->batch->operations;
  for (std::size_t i = 0; i < answering_->totals.size(); ++i) {
    if (!answering_->totals[i] || operations[i].space != space || operations[i].counter != counter) continue;
    const CounterTotal& total = *answering_->totals[i];
    for (const auto& [id, row] : total.shards) {
      views.push_back(
          {id.generation, id.partition, row.total, row.events, row.epoch, row.applied, row.epoch == total.epoch});
    }
    break;
  }
  return views;
}

EngineStats ApiNode::stats() const {
  auto stats = stats_;
  const auto& producer = producer_.stats();
  stats.frames_written = stats.commits = producer.frames_sent;
  stats.frames_delivered = producer.frames_delivered;
  stats.bytes_written = producer.bytes_sent;
  stats.counters_missed = reader_.stats().store_loads;
  stats.rows_loaded = stats.counters_missed;
  stats.table_rows = known_.size();
  stats.parked_batches = waiting_.size();
  for (std::uint16_t p = 0; p < partitions_; ++p) {
    PartitionStats partition;
    partition.partition = PartitionId{p};
    partition.flushed = marks_.offset(PartitionId{p});
    stats.partitions.push_back(partition);
  }
  return stats;
}

void ApiNode::scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
                   std::function<void(Result<ScanPage>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kStoppingWaitMs));
  walks_->scan(spaces, cursor, limit, std::move(done));
}

void ApiNode::top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kStoppingWaitMs));
  walks_->top(space, limit,
              [this, done = std::move(done), as_of = marks_.as_of(now_, partitions_)](Result<ScanPage> page) {
                if (page) {
                  const auto lag = std::clamp<TimeMs>(now_ - as_of, 0, std::numeric_limits<std::uint32_t>::max());
                  page->lag_ms = static_cast<std::uint32_t>(lag);
                  page->exact = false;
                }
                done(std::move(page));
              });
}

void ApiNode::reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kStoppingWaitMs));
  if (resets_.size() >= StoreWalks::kWalksMax) return done(busy("too many resets are under way", kStoppingWaitMs));
  resets_.push_back(std::make_unique<ResetAll>(*this, spaces, std::move(done)));
}

void ApiNode::put_namespace(std::string_view name, const NamespacePolicy& policy,
                            std::function<void(Result<void>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kStoppingWaitMs));
  const auto space = spaces_.create(name);
  if (!space) return done(std::unexpected(space.error()));
  const auto before = spaces_.policy(*space);
  spaces_.set_policy(*space, policy);
  ++puts_;
  policies_changed_ = true;
  StoreWrite write;
  write.settings.emplace_back(namespace_setting(name), policy_text(policy));
  write.sync = true;
  calls_.write(std::move(write),
               [this, id = *space, policy, before, done = std::move(done)](StoreCompletion& completion) {
                 --puts_;
                 policies_changed_ = true;
                 if (!completion.result && spaces_.policy(id) == policy) spaces_.set_policy(id, before);
                 done(completion.result);
               });
}

}  // namespace quipu
