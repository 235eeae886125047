#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/crash_oracle.h"
#include "engine/world.h"

namespace quipu {
namespace {

const std::array<std::string, kCounters> kNames{"a", "b", "c", "d", "e", "f"};
/// Of the counters the last ones are never reset, so that each acknowledged event must be in their totals at the end.
constexpr std::size_t kResetCounters = 3;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 200;  // A run takes ten times as long.
#else
constexpr std::uint64_t kRuns = 2'000;
#endif

/// What happened in all runs together: a run in which nothing can go wrong proves nothing.
struct Coverage {
  std::map<std::string, std::uint64_t> seen;
};

/// One run: clients, a process that crashes and starts again, and the oracle that is told what clients were told.
class CrashRun {
 public:
  CrashRun(std::uint64_t seed, Coverage& coverage) : random_(seed), coverage_(coverage) {
    auto& log = world_.log_options;
    log.partitions = static_cast<std::uint16_t>(1 + below(4));
    log.segment_bytes = kSegmentBytesMin;
    log.retain_bytes = 0;
    log.retain_ms = 0;
    auto& engine = world_.options;
    engine.id_partitions = log.partitions;
    engine.ids_max = 200;
    engine.table_bytes_max = pick<std::size_t>({300, 500, 700, 1 << 20});
    engine.open_bytes_max = pick<std::size_t>({2'500, 20'000, 1 << 20});
    engine.flush_interval_ms = pick<std::int64_t>({1, 100, 1'000});
    engine.sync_interval_ms = pick<std::int64_t>({1, 500, 1'000'000});
    engine.base_interval_ms = pick<std::int64_t>({1, 500, 1'000'000});
  }

  void go() {
    start();
    const int actions = below(4) == 0 ? 1'200 : 200;  // In the long ones the log is trimmed.
    for (int i = 0; i < actions && !failed(); ++i) act();
    if (!failed()) settle();
    if (!failed()) expect_all_in_store();
  }

 private:
  struct Asked {
    std::size_t counter = 0;
    std::size_t event = std::numeric_limits<std::size_t>::max();
    bool other_body = false;
  };
  /// A client with one batch at a time. Its replies leave when they are durable; it need not wait for that.
  struct Client final : BatchClient {
    CrashRun* run = nullptr;
    Batch batch;
    std::vector<Asked> asked;
    bool busy = false;
    void batch_done(Batch&) override { run->answered(*this); }
  };
  /// A reply that is held until it is durable.
  struct Reply {
    Offset durable_at{};
    std::size_t changes = 0;
    std::vector<std::size_t> events;
  };

  static bool failed() { return testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure(); }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(below(from.size())));
  }
  void saw(const std::string& what) { ++coverage_.seen[what]; }

  void start() {
    const auto opened = world_.open();
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    for (int i = 0; i < 20'000 && world_.engine->state() == EngineState::kRecovering; ++i) {
      world_.turn();
      if (below(60) == 0 && crashes_ < 12) return crash();  // Again, while it reads its log.
    }
    ASSERT_EQ(world_.engine->state(), EngineState::kServing) << world_.engine->failure().what;
    oracle_.restart(world_.engine->newest());
    if (failed()) return;
    expect_same();
  }

  void crash() {
    ++crashes_;
    if (world_.disk.writing()) saw("crash while the disk writes");
    if (world_.store.unsynced() > 0) saw("crash with rows that are not synced");
    if (world_.engine->state() == EngineState::kRecovering) saw("crash in a replay");
    if (world_.engine->stats().flushes > 1 && world_.engine->stats().dirty_rows > 0) saw("crash between flushes");
    if (world_.log->bounds(PartitionId{0}).begin > Offset{1}) saw("crash with a trimmed log");
    const auto stats = world_.engine->stats();
    if (stats.rows_evicted > 0) saw("eviction");
    if (stats.rows_loaded > 0) saw("read-back");
    world_.crash(random_(), below(world_.store.unsynced() + 1));
    replies_.clear();
    for (Client& client : clients_) client.busy = false;
    source_in_flight_ = false;
    start();
  }

  void act() {
    switch (below(24)) {
      case 0:
        if (crashes_ < 12 && below(3) == 0) crash();
        return;
      case 1:
        world_.store.fails = !world_.store.fails && below(2) == 0;
        if (world_.store.fails) saw("failing store");
        return;
      case 2:
        return world_.disk.finish_upkeep();
      case 3:
      case 4:
      case 5:
        return world_.disk.finish_write();
      case 6:
      case 7:
      case 8:
        return world_.store.perform(1 + below(4));
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
        return step(static_cast<TimeMs>(below(80)));
      default:
        return submit(clients_[below(clients_.size())]);
    }
  }

  void step(TimeMs later) {
    const auto commits = world_.engine->stats().commits;
    world_.step(later);
    ASSERT_EQ(world_.engine->state(), EngineState::kServing) << world_.engine->failure().what;
    if (world_.engine->stats().commits > commits) oracle_.mark(world_.engine->newest());
    release();
  }

  /// Replies leave: what they show and acknowledge must stay for ever.
  void release() {
    std::erase_if(replies_, [this](const Reply& reply) {
      if (reply.durable_at > world_.engine->durable()) return false;
      oracle_.shown(reply.changes);
      for (const auto event : reply.events) {
        oracle_.events[event].acknowledged = true;
        if (oracle_.events[event].mode == Event::Mode::kSource) source_in_flight_ = false;
      }
      return true;
    });
  }

  // What clients ask.

  void submit(Client& client) {
    if (client.busy) return;
    client.run = this;
    client.batch.clear();
    client.asked.clear();
    if (&client == &clients_[0]) {
      ask_of_source(client, 1 + below(4));
    } else {
      for (auto left = 1 + below(4); left > 0; --left) ask_something(client);
      if (client.batch.operations.size() > 1 && below(3) == 0) {
        client.batch.operations[0].together = static_cast<std::uint32_t>(client.batch.operations.size());
        const bool alone = below(2) == 0;
        for (auto& operation : client.batch.operations) operation.each_alone = alone;
      }
    }
    if (client.batch.operations.empty()) return;
    client.busy = true;
    if (!world_.engine->submit(client.batch, client)) saw("parked batch");
  }

  void ask(Client& client, Operation operation, Asked asked) {
    client.batch.operations.push_back(operation);
    client.asked.push_back(asked);
  }
  std::size_t new_event(std::size_t counter, Event::Mode mode) {
    Event event;
    event.counter = counter;
    event.digit = digits_[counter]++;
    event.mode = mode;
    if (mode == Event::Mode::kId) event.id = "id" + std::to_string(oracle_.events.size());
    if (mode == Event::Mode::kSource) event.sequence = sequence_ += 1 + below(2) * (sequence_ > 0 ? 1 : 0);
    oracle_.events.push_back(event);
    return oracle_.events.size() - 1;
  }
  bool has_digits(std::size_t counter) const { return digits_[counter] < kEventsPerCounter; }

  void ask_something(Client& client) {
    const auto counter = below(kCounters);
    const auto& name = kNames[counter];
    switch (below(12)) {
      case 0:
        if (counter >= kResetCounters) return;
        {
          auto operation = world_.reset(name);
          if (below(2) == 0) operation.condition = SetCondition::kIfPresent;
          return ask(client, operation, {counter});
        }
      case 1:
        if (counter >= kResetCounters || !has_digits(counter)) return;
        {
          const auto event = new_event(counter, Event::Mode::kSet);
          auto operation = world_.set(name, oracle_.events[event].delta());
          operation.condition = pick({SetCondition::kAlways, SetCondition::kIfAbsent, SetCondition::kIfPresent});
          return ask(client, operation, {counter, event});
        }
      case 2:
      case 3:
        return ask(client, world_.operation(OperationKind::kRead, name), {counter});
      case 4:
      case 5:
      case 6:
        return ask_again(client);
      case 7:
      case 8:
        if (has_digits(counter)) ask_with_id(client, new_event(counter, Event::Mode::kId), false);
        return;
      default:
        if (!has_digits(counter)) return;
        const auto event = new_event(counter, Event::Mode::kPlain);
        auto operation = world_.add(name, oracle_.events[event].delta());
        operation.memory_ack = below(4) == 0;
        ask(client, operation, {counter, event});
    }
  }
  void ask_with_id(Client& client, std::size_t number, bool other_body) {
    const Event& event = oracle_.events[number];
    auto operation = world_.add_with_id(kNames[event.counter], event.id, event.delta());
    if (other_body) operation.id.body ^= 1;
    ask(client, operation, {event.counter, number, other_body});
  }
  /// A client that heard nothing, or has forgotten that it did, sends an id again.
  void ask_again(Client& client) {
    std::vector<std::size_t> with_id;
    for (std::size_t i = 0; i < oracle_.events.size(); ++i) {
      if (oracle_.events[i].mode == Event::Mode::kId) with_id.push_back(i);
    }
    if (with_id.empty()) return;
    const auto event = with_id[below(with_id.size())];
    ask_with_id(client, event, oracle_.counted(event) && below(6) == 0);
  }
  /// The source sends its events in order, one batch in flight, and those without an answer first, cut anew.
  void ask_of_source(Client& client, std::size_t most) {
    if (source_in_flight_) return;
    const auto ask_event = [&](std::size_t number) {
      const Event& event = oracle_.events[number];
      ask(client, world_.add_of_source(kNames[event.counter], "source", event.sequence, event.delta()),
          {event.counter, number});
    };
    for (std::size_t i = 0; i < oracle_.events.size() && client.batch.operations.size() < most; ++i) {
      const Event& event = oracle_.events[i];
      if (event.mode == Event::Mode::kSource && !event.acknowledged) ask_event(i);
    }
    if (client.batch.operations.empty() && below(5) == 0) {  // What was counted long ago once more.
      for (std::size_t i = 0; i < oracle_.events.size() && client.batch.operations.empty(); ++i) {
        if (oracle_.events[i].mode == Event::Mode::kSource && below(3) == 0) ask_event(i);
      }
    }
    while (!settling_ && client.batch.operations.size() < most) {
      const auto counter = below(kCounters);
      if (!has_digits(counter)) break;
      ask_event(new_event(counter, Event::Mode::kSource));
    }
    if (client.batch.operations.empty()) return;
    client.batch.operations[0].together = static_cast<std::uint32_t>(client.batch.operations.size());
    source_in_flight_ = true;
  }

  // What they are told.

  void answered(Client& client) {
    client.busy = false;
    Reply reply{client.batch.durable_at, 0, {}};
    bool done = true;
    if (refused_whole(client)) return;
    for (std::size_t i = 0; i < client.asked.size(); ++i) {
      const Outcome& outcome = client.batch.outcomes[i];
      if (had_no_room(outcome)) {
        ASSERT_FALSE(outcome.applied);
        saw(outcome.error == Code::kBusy ? "busy" : "too large");
        done = false;
        continue;
      }
      expect_outcome(client.batch.operations[i], client.asked[i], outcome, reply);
      if (failed()) return;
    }
    if (&client == &clients_[0] && !done) source_in_flight_ = false;
    replies_.push_back(std::move(reply));
    release();
  }

  static bool had_no_room(const Outcome& outcome) {
    return outcome.error == Code::kBusy || outcome.error == Code::kTooLarge;
  }
  /// A group of which one is refused is refused whole.
  bool refused_whole(const Client& client) {
    const auto& first = client.batch.operations.front();
    const bool whole = first.together > 1 && !first.each_alone;
    if (!whole || had_no_room(client.batch.outcomes.front())) return false;
    bool refused = false;
    for (const Asked& asked : client.asked) refused = refused || asked.other_body;
    if (!refused) return false;
    for (const Outcome& outcome : client.batch.outcomes) EXPECT_FALSE(outcome.applied);
    saw("group that was refused whole");
    return true;
  }

  void expect_outcome(const Operation& operation, const Asked& asked, const Outcome& outcome, Reply& reply) {
    const auto counter = asked.counter;
    const auto before = oracle_.now().values[counter];
    const bool existed = oracle_.now().exist[counter];
    if (asked.other_body) {
      ASSERT_EQ(outcome.error, Code::kConflict);
      saw("other body");
      return;
    }
    ASSERT_FALSE(outcome.error) << outcome.error_text;
    ASSERT_EQ(outcome.before, before);
    ASSERT_EQ(outcome.existed, existed);
    bool wanted = true;
    if (operation.kind == OperationKind::kAdd) {
      wanted = operation.group == GroupKind::kPlain || !oracle_.counted(asked.event);
      ASSERT_EQ(outcome.duplicate, !wanted) << "event " << asked.event;
      if (!wanted) saw("repeat");
      if (wanted) oracle_.change({Change::Kind::kAdd, counter, asked.event});
    } else if (operation.kind != OperationKind::kRead) {
      wanted =
          operation.condition == SetCondition::kAlways || existed == (operation.condition == SetCondition::kIfPresent);
      const bool set = operation.kind == OperationKind::kSet;
      if (wanted) oracle_.change({set ? Change::Kind::kSet : Change::Kind::kReset, counter, set ? asked.event : 0});
      if (wanted && existed) saw("reset");
    } else {
      wanted = false;
    }
    ASSERT_EQ(outcome.applied, wanted);
    ASSERT_EQ(outcome.value, oracle_.now().values[counter]);
    ASSERT_EQ(outcome.exists, oracle_.now().exist[counter]);
    if (operation.memory_ack) return;  // Nobody relies on it yet.
    reply.changes = std::max(reply.changes, oracle_.last_change(counter));
    if (operation.kind == OperationKind::kAdd) reply.events.push_back(asked.event);
  }

  void expect_same() {
    Client reader;
    reader.run = this;
    for (std::size_t i = 0; i < kCounters; ++i) {
      ask(reader, world_.operation(OperationKind::kRead, kNames[i]), {i});
    }
    reader.busy = true;
    world_.engine->submit(reader.batch, reader);
    for (int i = 0; i < 1'000 && reader.busy && !failed(); ++i) {
      world_.disk.finish();
      world_.store.perform();
      step(1);
    }
    ASSERT_FALSE(reader.busy);
    ASSERT_EQ(world_.count(), oracle_.existing());
    ASSERT_EQ(world_.engine->last_sequence(source_hash(world_.options.secret, "default", "source")),
              oracle_.last_sequence());
  }

  // The end.

  /// All goes well from now on, and clients send until everything that can be sent again was answered.
  void settle() {
    settling_ = true;
    world_.store.fails = false;
    for (int i = 0; i < 2'000 && !failed(); ++i) {
      world_.disk.finish();
      world_.store.perform();
      step(20);
      submit_rest();
      bool all = replies_.empty();
      for (const Event& event : oracle_.events) {
        const bool again = event.mode == Event::Mode::kId || event.mode == Event::Mode::kSource;
        all = all && (!again || event.acknowledged);
      }
      for (const Client& client : clients_) all = all && !client.busy;
      if (all) break;
    }
    if (failed()) return;
    expect_same();
    for (std::size_t i = 0; i < oracle_.events.size(); ++i) {
      const Event& event = oracle_.events[i];
      const auto times = (oracle_.now().values[event.counter] >> (2 * event.digit)) & 3;
      ASSERT_LE(times, 1) << "event " << i << " was counted twice";
      const bool again = event.mode == Event::Mode::kId || event.mode == Event::Mode::kSource;
      ASSERT_TRUE(event.acknowledged || !again) << "event " << i << " was never answered";
      if (event.counter >= kResetCounters && event.acknowledged) {
        ASSERT_EQ(times, 1) << "event " << i << " was lost";
      }
    }
  }
  void submit_rest() {
    Client& client = clients_[1];
    if (!client.busy) {
      client.run = this;
      client.batch.clear();
      client.asked.clear();
      for (std::size_t i = 0; i < oracle_.events.size(); ++i) {
        const Event& event = oracle_.events[i];
        if (event.mode == Event::Mode::kId && !event.acknowledged) ask_with_id(client, i, false);
      }
      if (!client.batch.operations.empty()) {
        client.busy = true;
        world_.engine->submit(client.batch, client);
      }
    }
    if (!clients_[0].busy) submit(clients_[0]);
  }

  void expect_all_in_store() {
    world_.stop();
    for (std::size_t i = 0; i < kCounters; ++i) {
      ASSERT_EQ(world_.stored(kNames[i]), oracle_.now().values[i]) << kNames[i];
    }
    ASSERT_EQ(world_.store.older_rows(), 0u) << "an older row was written after a newer one";
    world_.start();
    ASSERT_EQ(world_.engine->stats().replayed_frames, 0u);
    oracle_.mark(world_.engine->newest());
    oracle_.restart(world_.engine->newest());
    if (!failed()) expect_same();
  }

  std::mt19937_64 random_;
  Coverage& coverage_;
  World world_;
  CrashOracle oracle_;
  std::array<Client, 4> clients_;
  std::vector<Reply> replies_;
  std::array<std::size_t, kCounters> digits_{};
  std::uint64_t sequence_ = 0;
  bool source_in_flight_ = false;
  bool settling_ = false;
  int crashes_ = 0;
};

TEST(EngineCrash, CountsEveryEventOnceWhateverHappens) {
  Coverage coverage;
  std::uint64_t first = 1;
  std::uint64_t last = kRuns;
  if (const char* seed = std::getenv("QUIPU_SEED")) first = last = std::strtoull(seed, nullptr, 10);
  for (auto seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("QUIPU_SEED=" + std::to_string(seed) + " runs this one alone");
    auto run = std::make_unique<CrashRun>(seed, coverage);
    run->go();
    if (HasFailure()) return;
  }
  if (first == last) return;
  for (const char* what :
       {"crash while the disk writes", "crash with rows that are not synced", "crash in a replay",
        "crash between flushes", "crash with a trimmed log", "eviction", "read-back", "failing store", "parked batch",
        "busy", "too large", "repeat", "other body", "group that was refused whole", "reset"}) {
    EXPECT_GE(coverage.seen[what], kRuns / 20) << what;
  }
}

}  // namespace
}  // namespace quipu
