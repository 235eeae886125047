#include "api/api_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "api/store_walks.h"
#include "api/world.h"

namespace quipu {
namespace {

using Fate = MemoryLog::Fate;

class ApiNodeTest : public ApiWorld, public testing::Test {};

TEST_F(ApiNodeTest, AnswersAWriteOnlyWhenTheLogHasIt) {
  start();
  log->automatic = false;
  ApiClient client;
  give(client, {add("a")});
  step();
  EXPECT_EQ(log->in_flight(), 1U);  // Nothing else was under way: it was sent in the same step.
  steps(20);
  EXPECT_FALSE(client.done);
  log->deliver(1);
  step();
  ASSERT_TRUE(client.done);
  EXPECT_FALSE(client.batch.outcomes[0].error);
  EXPECT_EQ(client.batch.outcomes[0].offset, Offset{1});
  EXPECT_EQ(client.batch.durable_at, kNoOffset);
}

TEST_F(ApiNodeTest, AddsUpPlainEventsOfACounterInOneFrame) {
  start();
  std::vector<Operation> many(1'000, add("a"));
  for (int i = 0; i < 10; ++i) many.push_back(add("b", 5));
  for (const auto& outcome : run(many)) EXPECT_FALSE(outcome.error);
  EXPECT_LE(frames(), 2U);
  for (std::uint16_t p = 0; p < 4; ++p) {
    const auto read = log->read(PartitionId{p}, Offset{1}, 1 << 20);
    for (const auto& item : read->frames) EXPECT_LE(decode_frame(read->frame(item))->header().entries, 2U);
  }
  flush();
  EXPECT_EQ(read("a").value, 1'000);
  EXPECT_EQ(read("b").value, 50);
}

TEST_F(ApiNodeTest, FillsAFrameWhileOthersAreUnderWayUpToItsLinger) {
  options.linger_ms = 5;
  start();
  log->automatic = false;
  std::vector<std::unique_ptr<ApiClient>> clients;
  const auto write = [&] { give(*clients.emplace_back(std::make_unique<ApiClient>()), {add("a")}); };
  write();
  step();
  EXPECT_EQ(log->in_flight(), 1U);
  for (int i = 0; i < 4; ++i) {
    write();
    step();
    EXPECT_EQ(log->in_flight(), 1U);
  }
  steps(3);
  EXPECT_EQ(log->in_flight(), 2U);
  log->deliver(2);
  step();
  for (const auto& client : clients) EXPECT_TRUE(client->done);
}

TEST_F(ApiNodeTest, ClosesAFrameThatIsFull) {
  options.frame_bytes = 2'000;
  start();
  std::vector<Operation> many;
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("counter " + std::to_string(i));
  for (const auto& name : names) many.push_back(add(name));
  for (const auto& outcome : run(together(many))) ASSERT_FALSE(outcome.error);
  EXPECT_GT(frames(), 20U);
  for (std::uint16_t p = 0; p < 4; ++p) {
    const auto read = log->read(PartitionId{p}, Offset{1}, 1 << 20);
    for (const auto& item : read->frames) EXPECT_LE(item.size, 2'500U);
  }
  flush();
  for (const auto& name : names) EXPECT_EQ(read(name).value, 1);
}

TEST_F(ApiNodeTest, TurnsABatchAwayWholeWhereThereIsNoRoom) {
  options.producer.pending_bytes_max = 10'000;
  start();
  log->automatic = false;
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("counter " + std::to_string(i));
  std::vector<Operation> batch;
  for (const auto& name : names) batch.push_back(add(name));
  std::vector<std::unique_ptr<ApiClient>> clients;
  bool refused = false;
  for (int i = 0; i < 20 && !refused; ++i) {
    auto& client = *clients.emplace_back(std::make_unique<ApiClient>());
    give(client, together(batch));
    step();
    if (!client.done) continue;
    refused = true;
    for (const auto& outcome : client.batch.outcomes) {
      EXPECT_EQ(outcome.error, Code::kBusy);
      EXPECT_GT(outcome.retry_after_ms, 0);
    }
  }
  EXPECT_TRUE(refused);
  log->automatic = true;
  steps(50);
  flush();
  EXPECT_EQ(read(names[0]).value, static_cast<std::int64_t>(clients.size() - 1));
  EXPECT_EQ(run(together(batch))[0].error, std::nullopt);  // There is room again.
}

TEST_F(ApiNodeTest, TakesNothingWhileItsLogIsClosedSaysWhyAndStillReads) {
  start();
  EXPECT_EQ(run(add("a")).error, std::nullopt);
  flush();
  log->shut = Error{Code::kBusy, "partition 3 lost frames", 60'000};
  step();
  const auto refused = run(add("a"));
  EXPECT_EQ(refused.error, Code::kBusy);
  EXPECT_STREQ(refused.error_text, "partition 3 lost frames");
  EXPECT_EQ(refused.retry_after_ms, 60'000);
  EXPECT_EQ(read("a").value, 1);
  log->shut.reset();
  step();
  EXPECT_EQ(run(add("a")).error, std::nullopt);
  // However often it changes, what an outcome points to stays, and is bounded.
  std::vector<Outcome> kept;
  for (int i = 0; i < 100; ++i) {
    log->shut = Error{Code::kBusy, "reason " + std::to_string(i), 1};
    step();
    kept.push_back(run(add("a")));
  }
  EXPECT_STREQ(kept[0].error_text, "reason 0");
  EXPECT_THAT(kept[99].error_text, testing::HasSubstr("takes nothing"));
}

TEST_F(ApiNodeTest, RefusesABatchThatCanNeverFit) {
  options.producer.pending_bytes_max = 1'000;
  start();
  std::vector<Operation> batch(20, add("a"));
  EXPECT_EQ(run(together(batch))[0].error, Code::kTooLarge);
  EXPECT_EQ(frames(), 0U);
}

TEST_F(ApiNodeTest, AnswersUnknownWhenTheLogDoesNotSay) {
  options.producer.give_up_ms = 2'000;
  start();
  log->automatic = false;
  ApiClient client;
  give(client, {add("a")});
  steps(10);
  log->deliver(1, Fate::kWrittenUnknown);
  for (int i = 0; i < 3'000 && !client.done; ++i) step();
  ASSERT_TRUE(client.done);
  EXPECT_EQ(client.batch.outcomes[0].error, Code::kUnknown);
  EXPECT_THAT(client.batch.outcomes[0].error_text, testing::HasSubstr("same id"));
}

TEST_F(ApiNodeTest, IsNeverBusyForABatchOfWhichAPartMayBeCounted) {
  options.producer.give_up_ms = 2'000;
  start();
  log->automatic = false;
  std::vector<std::string> names;
  std::vector<Operation> batch;
  for (int i = 0; i < 30; ++i) names.push_back("counter " + std::to_string(i));
  for (const auto& name : names) batch.push_back(add(name));
  ApiClient client;
  give(client, together(batch));
  steps(2);
  ASSERT_EQ(log->in_flight(), 4U);
  log->deliver(1);
  while (!client.done && now < 1'700'000'100'000) {
    log->deliver(log->in_flight(), Fate::kRefused);
    step(10);
  }
  ASSERT_TRUE(client.done);
  std::set<std::optional<Code>> codes;
  for (const auto& outcome : client.batch.outcomes) codes.insert(outcome.error);
  EXPECT_EQ(codes, (std::set<std::optional<Code>>{std::nullopt, Code::kUnknown}));
}

TEST_F(ApiNodeTest, AnswersFromMemoryAtOnce) {
  start();
  log->automatic = false;
  auto operation = add("a", 3);
  operation.memory_ack = true;
  ApiClient client;
  give(client, {operation});
  EXPECT_TRUE(client.done);
  EXPECT_EQ(client.batch.outcomes[0].offset, kNoOffset);
  step();
  log->automatic = true;
  step();
  flush();
  EXPECT_EQ(read("a").value, 3);
}

TEST_F(ApiNodeTest, CountsAnIdOnceAndTellsTheRepeat) {
  start();
  EXPECT_FALSE(run(add_with_id("a", "x", 7)).duplicate);
  const auto again = run(add_with_id("a", "x", 7));
  EXPECT_TRUE(again.duplicate);
  EXPECT_FALSE(again.applied);
  EXPECT_EQ(again.value, 7);
  EXPECT_EQ(run(add_with_id("a", "x", 8)).error, Code::kConflict);
  flush();
  EXPECT_EQ(read("a").value, 7);
}

TEST_F(ApiNodeTest, WritesNothingOfABatchInWhichAnIdHasTwoBodies) {
  start();
  run(add_with_id("b", "y", 1));
  const auto before = frames();
  EXPECT_EQ(run(together({add("a"), add_with_id("a", "x", 1), add_with_id("a", "x", 2)}))[2].error, Code::kConflict);
  EXPECT_EQ(run(together({add("a"), add_with_id("b", "y", 2)}))[1].error, Code::kConflict);
  EXPECT_EQ(frames(), before);
}

TEST_F(ApiNodeTest, DoesNotTellARepeatWhereTheFirstMayBeLost) {
  options.producer.give_up_ms = 2'000;
  start();
  log->automatic = false;
  ApiClient client;
  give(client, {add_with_id("a", "x", 7)});
  for (int i = 0; i < 5'000 && !client.done; ++i) {
    log->deliver(1, Fate::kLostUnknown);
    step();
  }
  ASSERT_EQ(client.batch.outcomes[0].error, Code::kUnknown);
  log->automatic = true;
  EXPECT_FALSE(run(add_with_id("a", "x", 7)).duplicate);
  flush();
  EXPECT_EQ(read("a").value, 7);
}

TEST_F(ApiNodeTest, TakesASourceFromWhereAnotherNodeLeftIt) {
  start();
  run(together({add_of_source("a", "s", 1), add_of_source("b", "s", 2), add_of_source("a", "s", 3)}));
  EXPECT_EQ(node->last_sequence(source_hash(options.secret, "default", "s")), 3U);
  node = make_node();  // It knows nothing of the first one's.
  // Not flushed: nobody can tell whether 4 follows something.
  const auto early = run(together({add_of_source("a", "s", 4), add_of_source("a", "s", 5)}));
  EXPECT_EQ(early[0].error, Code::kBusy);
  EXPECT_GT(early[0].retry_after_ms, 0);
  flush();
  EXPECT_FALSE(run(together({add_of_source("a", "s", 4), add_of_source("a", "s", 5)}))[0].error);
  EXPECT_TRUE(run(add_of_source("a", "s", 2)).duplicate);
  flush();
  EXPECT_EQ(read("a").value, 4);
  EXPECT_EQ(read("b").value, 1);
}

TEST_F(ApiNodeTest, RefusesASourceThatNobodyKnowsAndThatDoesNotBegin) {
  start();
  EXPECT_EQ(run(add_of_source("a", "s", 2)).error, Code::kBusy);
  now += options.source_settle_ms;
  EXPECT_EQ(run(add_of_source("a", "s", 2)).error, Code::kRefused);
  EXPECT_EQ(frames(), 0U);
  EXPECT_FALSE(run(add_of_source("a", "s", 1)).error);
  EXPECT_FALSE(run(add_of_source("a", "s", 2)).error);
}

TEST_F(ApiNodeTest, ResetsInTheHomePartitionWithTheEpochOfItsPlace) {
  start();
  run(add("a", 5));
  flush();
  const auto outcome = run(reset("a"));
  EXPECT_TRUE(outcome.applied);
  EXPECT_TRUE(outcome.existed);
  EXPECT_EQ(outcome.epoch, epoch_of(Generation{1}, outcome.offset));
  flush();
  EXPECT_FALSE(read("a").exists);
  EXPECT_EQ(read("a").epoch, outcome.epoch);
  run(add("a", 2));
  flush();
  EXPECT_EQ(read("a").value, 2);
}

TEST_F(ApiNodeTest, SetsInOneFrame) {
  start();
  run({add("a", 5), set("a", 40), add("a", 2)});
  EXPECT_EQ(frames(), 1U);
  flush();
  EXPECT_EQ(read("a").value, 42);
  // Two resets of a counter have an epoch each.
  run({set("a", 1), add("a"), set("a", 10), add("a")});
  flush();
  EXPECT_EQ(read("a").value, 11);
}

TEST_F(ApiNodeTest, SetsUnderAConditionByWhatItKnows) {
  start();
  auto absent = set("a", 5);
  absent.condition = SetCondition::kIfAbsent;
  auto present = set("a", 7);
  present.condition = SetCondition::kIfPresent;
  EXPECT_FALSE(run(present).applied);
  EXPECT_TRUE(run(absent).applied);
  EXPECT_FALSE(run(absent).applied);
  EXPECT_TRUE(run(present).applied);
  flush();
  EXPECT_EQ(read("a").value, 7);
  auto removed = reset("nothing");
  removed.condition = SetCondition::kIfPresent;
  const auto outcome = run(removed);
  EXPECT_FALSE(outcome.existed);
  EXPECT_TRUE(outcome.applied);  // Another node may have written it a moment ago.
}

TEST_F(ApiNodeTest, TellsOthersOfNamespacesAndPolicies) {
  start();
  space("made");
  NamespacePolicy policy;
  policy.viewer_window_ms = 1'000;
  bool done = false;
  node->put_namespace("views", policy, [&](const Result<void>& result) { done = result.has_value(); });
  steps(5);
  EXPECT_TRUE(done);
  const auto other = make_node();
  EXPECT_TRUE(other->namespaces().find("made"));
  EXPECT_EQ(other->namespaces().policy(*other->namespaces().find("views")), policy);
  // One that runs hears of it, too.
  policy.viewer_window_ms = 2'000;
  other->put_namespace("views", policy, [](const Result<void>&) {});
  other->step(now);
  other->step(now + 1);
  steps(1'500);
  EXPECT_EQ(node->namespaces().policy(space("views")), policy);
}

TEST_F(ApiNodeTest, ScansCountsAndResetsAllOfTheStore) {
  start();
  std::vector<std::string> names;
  for (int i = 0; i < 700; ++i) names.push_back("counter " + std::to_string(i));
  for (std::size_t i = 0; i < names.size(); ++i) run(add(names[i], static_cast<std::int64_t>(i + 1)));
  flush();
  node->count({space()});
  steps(20'000 / 10, 10);
  EXPECT_EQ(node->count({space()}), 700U);
  std::set<std::string> found;
  std::vector<ScanPage> pages;
  const auto take = [&](const Result<ScanPage>& given) {
    if (given) pages.push_back(*given);
  };
  do {
    const auto before = pages.size();
    node->scan({space()}, pages.empty() ? 0 : pages.back().next, 50, take);
    for (int i = 0; i < 10 && pages.size() == before; ++i) step();
    ASSERT_EQ(pages.size(), before + 1);
    for (const auto& named : pages.back().counters) found.insert(named.counter);
  } while (pages.back().next != 0);
  EXPECT_EQ(found.size(), 700U);
  node->top(space(), 2, take);
  steps(10);
  ASSERT_EQ(pages.back().counters.size(), 2U);
  EXPECT_EQ(pages.back().counters[0].value, 700);
  EXPECT_EQ(pages.back().counters[1].value, 699);
  bool done = false;
  node->reset_all({space()}, [&](const Result<Offset>& result) { done = result.has_value(); });
  for (int i = 0; i < 1'000 && !done; ++i) step();
  EXPECT_TRUE(done);
  flush();
  EXPECT_FALSE(read(names[0]).exists);
  EXPECT_FALSE(read(names[699]).exists);
}

TEST_F(ApiNodeTest, ResetsAllForSoManyAtATimeAndTellsOneMoreThatItIsBusy) {
  start();
  std::size_t done = 0;
  std::size_t refused = 0;
  const auto answer = [&](const Result<Offset>& result) {
    if (result) {
      ++done;
      return;
    }
    ++refused;
    EXPECT_EQ(result.error().code, Code::kBusy);
  };
  for (std::size_t i = 0; i < StoreWalks::kWalksMax; ++i) node->reset_all({space()}, answer);
  EXPECT_EQ(refused, 0U);
  node->reset_all({space()}, answer);
  EXPECT_EQ(refused, 1U);
  for (int i = 0; i < 1'000 && done < StoreWalks::kWalksMax; ++i) step();
  EXPECT_EQ(done, StoreWalks::kWalksMax);
}

TEST_F(ApiNodeTest, TakesNothingMoreAndStopsWhenAllIsInTheLog) {
  start();
  log->automatic = false;
  ApiClient client;
  give(client, {add("a")});
  step();
  node->drain();
  EXPECT_EQ(run(add("b")).error, Code::kBusy);
  EXPECT_EQ(node->state(), EngineState::kDraining);
  log->deliver(1);
  steps(2);
  EXPECT_TRUE(client.done);
  EXPECT_EQ(node->state(), EngineState::kStopped);
}

TEST_F(ApiNodeTest, FailsWithItsLogAndAnswersEverybody) {
  options.producer.boots = 1;
  options.producer.give_up_ms = 1'000;
  start();
  log->automatic = false;
  ApiClient given_up;
  give(given_up, {add("a")});
  steps(1'100);
  EXPECT_EQ(given_up.batch.outcomes[0].error, Code::kUnknown);
  ApiClient late;
  give(late, {add("a")});
  ApiClient reader;
  give(reader, {get("z")});
  steps(3);
  EXPECT_EQ(node->state(), EngineState::kFailed);
  EXPECT_TRUE(late.done);
  EXPECT_EQ(late.batch.outcomes[0].error, Code::kBusy);
  EXPECT_TRUE(reader.done);
}

/// The second of two events of a source is in the open frame when what stands before it is given up.
TEST_F(ApiNodeTest, LetsNoOpenFrameOfASourceOvertakeWhatWasGivenUp) {
  options.frame_bytes = 1;  // Each entry has a frame.
  options.producer.give_up_ms = 1'500;
  options.producer.frames_in_flight_max = 1;
  start();
  log->automatic = false;
  ApiClient front;
  give(front, {add("a")});
  steps(1'499);
  ASSERT_FALSE(front.done);
  const auto both = together({add_of_source("a", "s", 1), add_of_source("a", "s", 2)});
  ApiClient client;
  give(client, both);
  steps(2);
  EXPECT_EQ(front.batch.outcomes[0].error, Code::kUnknown);
  log->deliver(1, Fate::kLostUnknown);
  log->automatic = true;
  steps(100);
  ASSERT_TRUE(client.done);
  EXPECT_EQ(client.batch.outcomes[0].error, Code::kBusy);
  EXPECT_EQ(client.batch.outcomes[1].error, Code::kBusy);
  for (const auto& outcome : run(both)) EXPECT_TRUE(outcome.applied);
  flush();
  EXPECT_EQ(read("a").value, 2);
}

/// Random batches over a log that answers as it likes: what was acknowledged is in the totals once, what was refused is
/// not, what is unknown at most once; an id at most once however often it was sent.
TEST_F(ApiNodeTest, CountsWhatItAcknowledgedExactlyOnce) {
  std::uint64_t unknown = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    ApiWorld world;
    world.options.producer.give_up_ms = 1'500;
    world.options.producer.resend_ms = 5;
    world.options.producer.resend_ms_max = 50;
    world.options.producer.frames_in_flight_max = 1 + random() % 3;
    world.options.frame_bytes = 700;
    world.options.hot = {.events_per_second = 50, .partitions = 3, .counters_max = 4};
    world.start();
    world.log->automatic = false;
    struct Sent {
      std::unique_ptr<ApiClient> client;
      std::vector<std::string> names;
      std::vector<std::string> ids;
    };
    std::vector<Sent> sent;
    const auto deliver = [&](bool faulty, bool broken = false) {
      const auto draw = faulty ? random() % 8 : 9;
      if (draw == 0 || broken) {
        world.log->deliver(random() % (world.log->in_flight() + 1), Fate::kWrittenUnknown);
        world.log->deliver(world.log->in_flight(), random() % 2 == 0 ? Fate::kLostUnknown : Fate::kRefused);
      } else {
        world.log->deliver(1 + random() % 4);
      }
    };
    for (int i = 0; i < 120; ++i) {
      if (random() % 3 != 0) {
        Sent& next = sent.emplace_back();
        next.client = std::make_unique<ApiClient>();
        const auto size = 1 + random() % 6;
        std::vector<Operation> batch;
        for (std::size_t n = 0; n < size; ++n) next.names.push_back("c" + std::to_string(random() % 5));
        for (std::size_t n = 0; n < size; ++n) {
          const bool with_id = random() % 3 == 0;
          next.ids.push_back(with_id ? "id" + std::to_string(random() % 40) : "");
          batch.push_back(with_id ? world.add_with_id(next.names[n], next.ids[n]) : world.add(next.names[n]));
        }
        world.give(*next.client, random() % 2 == 0 ? ApiWorld::together(batch) : batch);
      }
      // For a while the log of every second world answers nothing that helps.
      deliver(true, seed % 2 == 0 && i > 20 && i < 100);
      world.step(static_cast<std::int64_t>(random() % 50));
    }
    const auto all_done = [&] { return std::ranges::all_of(sent, [](const Sent& one) { return one.client->done; }); };
    for (int i = 0; i < 20'000 && !all_done(); ++i) {
      deliver(false);
      world.step();
    }
    ASSERT_TRUE(all_done());
    while (world.log->in_flight() > 0) deliver(false);
    world.flush();
    std::map<std::string, std::int64_t> least;
    std::map<std::string, std::int64_t> most;
    std::map<std::pair<std::string, std::string>, std::pair<bool, bool>> ids;  // Acknowledged, perhaps counted.
    for (const auto& [client, names, tokens] : sent) {
      for (std::size_t n = 0; n < names.size(); ++n) {
        const auto& error = client->batch.outcomes[n].error;
        if (error == Code::kUnknown) ++unknown;
        if (error && *error != Code::kUnknown) continue;
        if (tokens[n].empty()) {
          least[names[n]] += error ? 0 : 1;
          most[names[n]] += 1;
        } else {
          auto& [acknowledged, perhaps] = ids[{names[n], tokens[n]}];
          acknowledged |= !error;
          perhaps = true;
        }
      }
    }
    for (const auto& [key, known] : ids) {
      least[key.first] += known.first ? 1 : 0;
      most[key.first] += 1;
    }
    for (const auto& [name, upper] : most) {
      const auto total = world.read(name).value;
      ASSERT_GE(total, least[name]) << "seed " << seed << ", counter " << name;
      ASSERT_LE(total, upper) << "seed " << seed << ", counter " << name;
    }
  }
  EXPECT_GT(unknown, 0U);
}

}  // namespace
}  // namespace quipu
