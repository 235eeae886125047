#include "store/postgres_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "contract/counter_store_contract.h"
#include "services/own_postgres.h"
#include "services/postgres_place.h"
#include "services/stop_process.h"

/// What only a store behind a server can meet: lost connections, servers that die, stop or forget, writers that are
/// behind. What every store must do is in test/contract.
namespace quipu::testing_services {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_contract::text_of;
using Kind = StoreCompletion::Kind;

constexpr ShardId kShard{Generation{1}, PartitionId{0}};

Bytes chains(std::uint32_t generation) {
  Bytes bytes;
  put(bytes, generation);
  return bytes;
}

PostgresStoreOptions options(const std::string& url) {
  PostgresStoreOptions options;
  options.url = url;
  return options;
}

/// The write that a worker makes which has read its log up to `n`: ten counters, the watermark, a source.
StoreWrite write_at(std::uint64_t n, std::uint64_t counters = 10) {
  StoreWrite write;
  write.token = n;
  write.sync = true;
  for (std::uint64_t counter = 0; counter < counters; ++counter) {
    write.rows.add(counter, "views", "counter " + std::to_string(counter), kShard,
                   {static_cast<std::int64_t>(n * counter), n, Epoch{}, Offset{n}, 0});
  }
  write.watermarks.push_back({PartitionId{0}, Offset{n}, chains(1)});
  write.sources.push_back({PartitionId{0}, {1, 2}, n, Offset{n}});
  return write;
}

std::string rows_at(std::uint64_t n, std::uint64_t counters = 10) { return text_of(write_at(n, counters).rows); }

std::string rows_in(OpenStore& store) {
  store->scan({0, 0, 1'000'000});
  auto done = store.all();
  return done.size() == 1 && done[0].result ? text_of(done[0].rows) : "no answer";
}

/// The tokens of completions, all of which must be well.
std::vector<std::uint64_t> tokens(const std::vector<StoreCompletion>& completions) {
  std::vector<std::uint64_t> tokens;
  for (const auto& done : completions) {
    EXPECT_TRUE(done.result) << done.result.error().what;
    EXPECT_NE(done.kind, Kind::kForgot);
    tokens.push_back(done.token);
  }
  return tokens;
}

std::vector<std::uint64_t> numbers(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> all;
  for (; from <= to; ++from) all.push_back(from);
  return all;
}

/// The tables as the version before had them, without what it had in those that are other ones now.
void go_back_to_version_2(const PostgresPlace& place) {
  place.run(
      "DROP TABLE quipu_partition_sources; DELETE FROM quipu_schema WHERE version > 2; "
      "CREATE TABLE quipu_sources (partition integer NOT NULL, source bytea NOT NULL, sequence bigint NOT NULL, "
      "touched bigint NOT NULL, PRIMARY KEY (partition, source))");
}

TEST(PostgresStore, RefusesAServerThatWouldLoseWhatItAcknowledged) {
  const PostgresPlace place;
  const auto opened = PostgresStore::open(options(place.url() + "%20-csynchronous_commit%3Doff"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("synchronous_commit = off"));
  EXPECT_THAT(opened.error().what, HasSubstr("ALTER ROLE"));
}

TEST(PostgresStore, RefusesTablesOfANewerVersionAndNamesBoth) {
  const PostgresPlace place;
  {
    const OpenStore store(options(place.url()));
  }
  place.run("INSERT INTO quipu_schema VALUES (4, now())");
  const auto opened = PostgresStore::open(options(place.url()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("version 4"));
  EXPECT_THAT(opened.error().what, HasSubstr("version 3"));
}

TEST(PostgresStore, TwoThatBeginAtOnceMakeTheTablesOnce) {
  const PostgresPlace place;
  std::vector<std::thread> threads;
  std::atomic<int> opened = 0;
  for (int at = 0; at < 4; ++at) {
    threads.emplace_back([&] {
      const auto store = PostgresStore::open(options(place.url()));
      EXPECT_TRUE(store) << store.error().what;
      if (store) ++opened;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, 4);
  EXPECT_EQ(place.run("SELECT count(*) FROM quipu_schema"), "3") << "each step";
}

TEST(PostgresStore, SaysWhatIsWrongWithAnAddressAndNeverThePassword) {
  const auto server = address("QUIPU_TEST_POSTGRES");
  const auto at = server.find('@');
  const auto wrong = PostgresStore::open(options("postgresql://quipu:verysecret" + server.substr(at)));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kRefused);
  EXPECT_THAT(wrong.error().what, HasSubstr("authentication failed"));
  EXPECT_THAT(wrong.error().what, Not(HasSubstr("verysecret")));
  const auto nobody = PostgresStore::open(options("postgresql://quipu:verysecret@127.0.0.1:1/postgres"));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::kBusy);
  EXPECT_THAT(nobody.error().what, HasSubstr("127.0.0.1"));
  const auto broken =
      PostgresStore::open(options("postgresql://quipu:verysecret@127.0.0.1:port/postgres?x=verysecret"));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::kRefused);
  EXPECT_THAT(broken.error().what, Not(HasSubstr("verysecret")));
}

TEST(PostgresStore, AnOlderWriteLosesWithItsWatermarkAndItsSources) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  store->write(write_at(9));
  store->write(write_at(5));
  EXPECT_EQ(tokens(store.all()), (std::vector<std::uint64_t>{9, 5}));
  EXPECT_EQ(rows_in(store), rows_at(9));
  EXPECT_EQ(store->watermarks().value(), write_at(9).watermarks);
  EXPECT_EQ(store->sources().value(), write_at(9).sources);
}

TEST(PostgresStore, TheFirstWatermarkOfANewLogWins) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  store->write(write_at(9));
  StoreWrite next;
  next.watermarks.push_back({PartitionId{0}, Offset{1}, chains(2)});
  store->write(next);
  store->write(write_at(10));
  store.all();
  EXPECT_EQ(store->watermarks().value(), next.watermarks);
}

TEST(PostgresStore, SourcesOfAnOlderLogAreForgotten) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  store->write(write_at(9));
  store.all();
  store->begin_generation(Generation{1});
  EXPECT_EQ(store->sources().value(), write_at(9).sources);
  store->begin_generation(Generation{2});
  EXPECT_THAT(store->sources().value(), IsEmpty());
  // A write of a worker that is gone comes in after the new log was begun with.
  store->write(write_at(10));
  store.all();
  EXPECT_THAT(store->sources().value(), IsEmpty());
  StoreWrite next;
  next.watermarks.push_back({PartitionId{0}, Offset{1}, chains(2)});
  next.sources.push_back({PartitionId{0}, {1, 2}, 3, Offset{1}});
  store->write(next);
  store->write(write_at(11));
  store.all();
  EXPECT_EQ(store->sources().value(), next.sources) << "the older one is not taken for the newest";
  StoreWrite gone;
  gone.watermarks.push_back({PartitionId{0}, Offset{2}, chains(2)});
  gone.sources.push_back({PartitionId{0}, {1, 2}, 3, Offset{1}, true});
  store->write(gone);
  store.all();
  EXPECT_THAT(store->sources().value(), IsEmpty());
  EXPECT_EQ(place.run("SELECT count(*) FROM quipu_partition_sources"), "1") << "what the older log had";
  const OpenStore cleaning(options(place.url()));
  EXPECT_EQ(place.run("SELECT count(*) FROM quipu_partition_sources"), "0");
}

TEST(PostgresStore, SourcesOfTheVersionBeforeAreOfTheirPartitionsGeneration) {
  const PostgresPlace place;
  {
    OpenStore store(options(place.url()));
    StoreWrite write;
    write.watermarks.push_back({PartitionId{1}, Offset{5}, chains(2)});
    store->write(write);
    store.all();
  }
  go_back_to_version_2(place);
  place.run("INSERT INTO quipu_sources VALUES (1, '\\x00000000000000020000000000000001', 4, 3)");
  OpenStore store(options(place.url()));
  EXPECT_THAT(store->sources().value(), testing::ElementsAre(SourceRow{PartitionId{1}, {1, 2}, 4, Offset{3}}));
  EXPECT_EQ(place.run("SELECT generation FROM quipu_partition_sources"), "2");
  EXPECT_EQ(place.run("SELECT coalesce(to_regclass('quipu_sources')::text, 'none')"), "none");
}

TEST(PostgresStore, TwoThatBothOwnAPartitionWriteTheSame) {
  // One is behind and writes as fast as it can what the other has written; the end is the newest of both.
  const PostgresPlace place;
  OpenStore owner(options(place.url()));
  OpenStore zombie(options(place.url()));
  for (std::uint64_t n = 1; n <= 400; ++n) {
    owner->write(write_at(n));
    zombie->write(write_at(n > 37 ? n - 37 : n));
  }
  EXPECT_EQ(tokens(owner.all()), numbers(1, 400));
  for (const auto& done : zombie.all()) EXPECT_TRUE(done.result) << done.result.error().what;
  EXPECT_EQ(rows_in(owner), rows_at(400));
  EXPECT_EQ(owner->watermarks().value(), write_at(400).watermarks);
  EXPECT_EQ(owner->sources().value(), write_at(400).sources);
}

TEST(PostgresStore, ACutConnectionIsMadeAnewAndNothingIsLost) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  std::vector<StoreCompletion> done;
  for (std::uint64_t n = 1; n <= 2'000; ++n) {
    store->write(write_at(n));
    if (n % 200 != 0) continue;
    // In the midst of the pipeline: some is committed, some is not, and what was answered is known to neither.
    place.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + place.sessions() +
              " AND query LIKE '%INSERT INTO%'");
    store->take_completions(done);
  }
  for (auto& more : store.all()) done.push_back(std::move(more));
  EXPECT_EQ(tokens(done), numbers(1, 2'000));
  EXPECT_EQ(rows_in(store), rows_at(2'000));
  EXPECT_GT(store->stats().connections, 1u) << "nothing was cut";
  EXPECT_TRUE(store->stats().connected);
}

TEST(PostgresStore, TheFirstWhoClaimsASettingDecidesIt) {
  const PostgresPlace place;
  OpenStore one(options(place.url()));
  OpenStore other(options(place.url()));
  EXPECT_EQ(one->claim_setting("cluster", "one").value(), "one");
  EXPECT_EQ(other->claim_setting("cluster", "other").value(), "one");
  EXPECT_EQ(one->claim_setting("cluster", "again").value(), "one");
}

TEST(PostgresStore, AServerThatStopsAnsweringIsAskedAgainOverANewConnection) {
  const PostgresPlace place;
  {
    const OpenStore tables(options(place.url()));
  }  // Made without haste.
  auto impatient = options(place.url());
  impatient.answer_timeout_ms = 1'000;
  OpenStore store(impatient);
  store->write(write_at(1));
  tokens(store.all());
  const auto backend = std::stoi(place.run("SELECT max(pid) FROM pg_stat_activity WHERE " + place.sessions()));
  stop_process(backend);
  store->write(write_at(2));
  const auto done = store.all();
  ::kill(backend, SIGCONT);
  EXPECT_EQ(tokens(done), numbers(2, 2));
  EXPECT_GE(store->stats().connections, 2u);
  EXPECT_GE(store->stats().sent_again, 1u);
  EXPECT_EQ(rows_in(store), rows_at(2));
}

TEST(PostgresStore, WhetherItAnswersIsAskedWithoutWaiting) {
  OwnPostgres server;
  auto impatient = options(server.url());
  impatient.request_timeout_ms = 1'500;
  OpenStore store(impatient);
  std::vector<Result<void>> answers;
  const auto ask = [&] {
    store->ask_for_an_answer([&](Result<void> answer) { answers.push_back(std::move(answer)); });
  };
  store->write(write_at(1));
  ask();
  store->write(write_at(2));
  EXPECT_TRUE(answers.empty()) << "it was told before completions were taken";
  EXPECT_EQ(tokens(store.all()), numbers(1, 2)) << "what the store asks for itself is no completion of the owner's";
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0]) << answers[0].error().what;
  server.kill();
  ask();
  ask();
  EXPECT_TRUE(store.all().empty());
  ASSERT_EQ(answers.size(), 3u);
  for (const std::size_t at : {1U, 2U}) {
    ASSERT_FALSE(answers[at]);
    EXPECT_EQ(answers[at].error().code, Code::kBusy);
  }
  server.up();
  ask();
  EXPECT_TRUE(store.all().empty());
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_TRUE(answers[3]) << answers[3].error().what;
}

TEST(PostgresStore, TooManyRequestsAreBusyInTheirTurn) {
  const PostgresPlace place;
  auto small = options(place.url());
  small.waiting_requests_max = 3;
  OpenStore store(small);
  for (std::uint64_t n = 1; n <= 100; ++n) store->write(write_at(n));
  const auto done = store.all();
  ASSERT_EQ(done.size(), 100u);
  std::uint64_t last = 0;
  std::size_t refused = 0;
  for (std::size_t at = 0; at < done.size(); ++at) {
    EXPECT_EQ(done[at].token, at + 1);
    if (done[at].result) {
      last = done[at].token;
    } else {
      EXPECT_EQ(done[at].result.error().code, Code::kBusy);
      ++refused;
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(rows_in(store), rows_at(last));
}

TEST(PostgresStore, AValueThatNothingWritesIsDamageAndNamed) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  store->write(write_at(1));
  tokens(store.all());
  place.run("UPDATE quipu_rows SET applied = -4 WHERE counter = 'counter 3'");
  store->load({1, {{3, "views", "counter 3"}}});
  store->load({2, {{4, "views", "counter 4"}}});
  const auto done = store.all();
  ASSERT_EQ(done.size(), 2u);
  ASSERT_FALSE(done[0].result);
  EXPECT_EQ(done[0].result.error().code, Code::kDamaged);
  EXPECT_THAT(done[0].result.error().what, HasSubstr("counter 3"));
  EXPECT_TRUE(done[1].result);
  EXPECT_EQ(done[1].rows.size(), 1u);
}

TEST(PostgresStore, ATableThatIsGoneIsDamageAndTheNextWriteGoesOn) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  place.run("ALTER TABLE quipu_rows RENAME TO elsewhere");
  store->write(write_at(1));
  const auto done = store.all();
  ASSERT_EQ(done.size(), 1u);
  ASSERT_FALSE(done[0].result);
  EXPECT_EQ(done[0].result.error().code, Code::kDamaged);
  EXPECT_THAT(store->watermarks().value(), IsEmpty()) << "a write that failed left its watermark";
  place.run("ALTER TABLE elsewhere RENAME TO quipu_rows");
  store->write(write_at(2));
  EXPECT_EQ(tokens(store.all()), numbers(2, 2));
  EXPECT_EQ(rows_in(store), rows_at(2));
}

TEST(PostgresStore, WhatWasCompletedOutlivesAServerThatIsKilledUnderLoad) {
  OwnPostgres server;
  OpenStore store(options(server.url()));
  std::uint64_t given = 0;
  std::uint64_t completed = 0;
  std::vector<StoreCompletion> done;
  for (int kills = 0; kills < 3; ++kills) {
    // Completions come in while the next writes are given, and then the server dies in the midst.
    const auto enough = completed + 200;
    while (completed < enough) {
      while (store->pending() < 40) store->write(write_at(++given));
      store.wait();
      done.clear();
      store->take_completions(done);
      for (const auto token : tokens(done)) {
        EXPECT_EQ(token, ++completed);
      }
    }
    ASSERT_GT(store->pending(), 0u) << "nothing was under way";
    server.kill();
    server.up();
    OpenStore other(options(server.url()));
    const auto kept = other->watermarks().value();
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_GE(kept[0].offset.value, completed) << "a completed write is lost";
  }
  for (const auto token : tokens(store.all())) {
    EXPECT_EQ(token, ++completed);
  }
  EXPECT_EQ(completed, given);
  EXPECT_EQ(rows_in(store), rows_at(given));
  EXPECT_GE(store->stats().connections, 4u);
}

TEST(PostgresStore, AServerThatIsAwayMakesRequestsBusyInBoundedTime) {
  OwnPostgres server;
  auto impatient = options(server.url());
  impatient.request_timeout_ms = 400;
  OpenStore store(impatient);
  store->write(write_at(1));
  tokens(store.all());
  server.kill();
  store->write(write_at(2));
  store->load({3, {{1, "views", "counter 1"}}});
  const auto done = store.all();
  ASSERT_EQ(done.size(), 2u);
  for (const auto& late : done) {
    ASSERT_FALSE(late.result);
    EXPECT_EQ(late.result.error().code, Code::kBusy);
  }
  EXPECT_FALSE(store->stats().connected);
  EXPECT_THAT(store->stats().trouble, Not(IsEmpty()));
  EXPECT_EQ(store->stats().expired, 2u);
  server.up();
  // Giving it again until it is taken is what a worker does.
  std::vector<StoreCompletion> again;
  do {
    store->write(write_at(2));
    again = store.all();
  } while (!again.at(0).result);
  EXPECT_EQ(rows_in(store), rows_at(2));
}

TEST(PostgresStore, AServerThatComesBackWithOlderDataHasForgotten) {
  OwnPostgres server;
  OpenStore store(options(server.url()));
  store->write(write_at(1));
  tokens(store.all());
  server.kill();
  server.back_up();
  server.up();
  store->write(write_at(2));
  EXPECT_EQ(tokens(store.all()), numbers(2, 2)) << "it forgot nothing so far";
  EXPECT_EQ(store->durable_watermark(PartitionId{0}), Offset{2});
  server.kill();
  server.restore();
  server.up();
  store->load({3, {{5, "views", "counter 5"}}});
  const auto done = store.all();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].kind, Kind::kForgot);
  EXPECT_EQ(done[1].kind, Kind::kLoad);
  EXPECT_EQ(store->durable_watermark(PartitionId{0}), Offset{1});
  EXPECT_EQ(rows_in(store), rows_at(1));
  store->write(write_at(2));
  EXPECT_EQ(tokens(store.all()), numbers(2, 2));
  EXPECT_EQ(rows_in(store), rows_at(2));
}

Base base_at(std::uint64_t offset, std::string_view windows) {
  const auto bytes = as_bytes(windows);
  return {Offset{offset}, Bytes(bytes.begin(), bytes.end())};
}

/// Writes it and answers what became of it.
Result<void> put_base(OpenStore& store, ShardId partition, const Base& base) {
  store->write_base_of(partition, base, base.offset.value);
  const auto done = store.all();
  EXPECT_EQ(done.size(), 1u);
  EXPECT_EQ(done.at(0).kind, Kind::kBase);
  return done.at(0).result;
}

std::string base_text(OpenStore& store, ShardId partition, std::uint64_t offset) {
  const auto base = store->newest_base_of(partition, Offset{offset});
  EXPECT_TRUE(base) << base.error().what;
  if (!base || !*base) return "none";
  return std::to_string((*base)->offset.value) + " " + std::string(as_text((*base)->windows));
}

TEST(PostgresStore, KeepsTheNewestTwoBasesOfEachPartition) {
  const PostgresPlace place;
  const ShardId four{Generation{1}, PartitionId{4}};
  const ShardId five{Generation{1}, PartitionId{5}};
  {
    OpenStore store(options(place.url()));
    for (const std::uint64_t offset : {10, 20, 30}) {
      ASSERT_TRUE(put_base(store, four, base_at(offset, "of four at " + std::to_string(offset))));
    }
    ASSERT_TRUE(put_base(store, five, base_at(7, "of five")));
    ASSERT_TRUE(put_base(store, five, base_at(8, "")));
  }
  OpenStore store(options(place.url()));
  EXPECT_EQ(base_text(store, four, 100), "30 of four at 30");
  EXPECT_EQ(base_text(store, four, 29), "20 of four at 20");
  EXPECT_EQ(base_text(store, four, 19), "none");
  EXPECT_EQ(base_text(store, five, 7), "7 of five");
  EXPECT_EQ(base_text(store, five, 8), "8 ");
  EXPECT_EQ(base_text(store, {Generation{2}, PartitionId{4}}, 100), "none");
  EXPECT_EQ(base_text(store, {Generation{1}, PartitionId{6}}, 100), "none");
}

TEST(PostgresStore, RefusesABaseOfAWorkerThatIsBehind) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  ASSERT_TRUE(put_base(store, kShard, base_at(30, "newer")));
  const auto late = put_base(store, kShard, base_at(20, "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kRefused);
  EXPECT_EQ(base_text(store, kShard, 29), "none");
  ASSERT_TRUE(put_base(store, kShard, base_at(30, "newer")));
  EXPECT_EQ(base_text(store, kShard, 30), "30 newer");
  // Of the next log, whose offsets begin anew.
  ASSERT_TRUE(put_base(store, {Generation{2}, PartitionId{0}}, base_at(5, "next")));
  EXPECT_EQ(base_text(store, {Generation{2}, PartitionId{0}}, 5), "5 next");
  EXPECT_EQ(base_text(store, kShard, 30), "none") << "nobody reads that log any more";
}

TEST(PostgresStore, KeepsABaseThatIsLargerThanAPiece) {
  const PostgresPlace place;
  OpenStore store(options(place.url()));
  std::string windows(std::size_t{5} << 19, 'w');
  windows.back() = 'x';
  ASSERT_TRUE(put_base(store, kShard, base_at(30, windows)));
  EXPECT_EQ(base_text(store, kShard, 30), "30 " + windows);
  EXPECT_EQ(place.run("SELECT count(*) FROM quipu_partition_bases"), "3");
}

TEST(PostgresStore, BringsTablesOfTheFirstVersionUpToDate) {
  const PostgresPlace place;
  {
    const OpenStore made(options(place.url()));
  }
  go_back_to_version_2(place);
  place.run("DROP TABLE quipu_partition_bases; DELETE FROM quipu_schema WHERE version > 1");
  OpenStore store(options(place.url()));
  ASSERT_TRUE(put_base(store, kShard, base_at(30, "newer")));
  EXPECT_EQ(place.run("SELECT max(version) FROM quipu_schema"), "3");
}

}  // namespace
}  // namespace quipu::testing_services
