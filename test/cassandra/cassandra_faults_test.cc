#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cassandra/cassandra_bench.h"
#include "cassandra/own_cassandra.h"
#include "store/cassandra_store.h"

/// A Cassandra that stands still, dies, starts again, or does not take our timestamps: one of the test's own.
namespace quipu::testing_cassandra {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing_contract::row;
using testing_contract::shard;
using Kind = StoreCompletion::Kind;

StoreWrite write_cats(std::int64_t total, std::uint64_t offset, bool with_mark = false) {
  StoreWrite write;
  write.rows.add(9, "views", "cats", shard(1, 2), row(total, offset));
  if (with_mark) write.watermarks.push_back({PartitionId{2}, Offset{offset}, {}});
  return write;
}

Row cats(CassandraBench& bench) {
  const auto rows = bench.load({{9, "views", "cats"}});
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Row{} : rows.items()[0].row;
}

TEST(CassandraFaults, AWriteThatTimesOutIsSentAgainAsItIs) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.connection.request_ms = 2'000;
    options.node_check_ms = 50;
  });
  ASSERT_TRUE(bench.write(write_cats(1, 10)).result);
  cassandra.pause();
  bench.store().write(write_cats(2, 20));
  // A node is called down when it has not answered twice, each time as long as a request has: the write's first one is
  // over.
  bench.wait_for(Kind::kForgot);
  EXPECT_EQ(bench.store().pending(), 1u);
  cassandra.resume();
  const auto late = bench.wait_for(Kind::kWrite);
  ASSERT_FALSE(late.result) << "it was given before";
  EXPECT_EQ(late.result.error().code, Code::kBusy);
  EXPECT_GE(bench.store().stats().repeats, 1u);
  EXPECT_EQ(cats(bench), row(2, 20));
}

TEST(CassandraFaults, RowsAreNotWrittenWhileNobodyKnowsHowTheNodesAre) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.connection.request_ms = 2'000;
    options.node_check_ms = 50;
  });
  ASSERT_TRUE(bench.write(write_cats(1, 10)).result);
  EXPECT_EQ(cats(bench), row(1, 10)) << "what is loaded has to be looked at before something is built on it";
  cassandra.pause();
  bench.store().write(write_cats(2, 20));
  const auto refused = bench.wait_for(Kind::kWrite);
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().code, Code::kBusy);
  cassandra.resume();
  while (!bench.write(write_cats(2, 20)).result) continue;
  EXPECT_EQ(cats(bench), row(2, 20));
}

TEST(CassandraFaults, AWriteIsSentAgainForABoundedTimeAndMayBeGivenAgain) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.connection.request_ms = 2'000;
    options.connection.retry_ms = 1'000;
  });
  ASSERT_TRUE(bench.write(write_cats(1, 10, true)).result);
  cassandra.pause();
  bench.store().write(write_cats(2, 20, true));
  const auto late = bench.wait_for(Kind::kWrite);
  EXPECT_FALSE(late.result);
  cassandra.resume();
  // Where a node was called down meanwhile, marks are written when they were read again.
  while (!bench.write(write_cats(2, 20, true)).result) EXPECT_TRUE(bench.store().watermarks());
  EXPECT_EQ(cats(bench), row(2, 20));
  EXPECT_EQ(bench.store().watermarks().value(), write_cats(2, 20, true).watermarks);
}

TEST(CassandraFaults, WhetherItAnswersIsAskedWithoutWaiting) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.connection.request_ms = 2'000;
    options.connection.retry_ms = 1'000;
  });
  std::vector<Result<void>> answers;
  const auto ask = [&] {
    bench.store().ask_for_marks([&](Result<void> answer) { answers.push_back(std::move(answer)); });
  };
  const auto take_until = [&](std::size_t count) {
    std::vector<StoreCompletion> ignored;
    while (answers.size() < count) {
      bench.wait();
      bench.store().take_completions(ignored);
    }
  };
  ask();
  take_until(1);
  EXPECT_TRUE(answers[0]) << answers[0].error().what;
  cassandra.pause();
  ask();
  EXPECT_EQ(answers.size(), 1u);
  take_until(2);
  EXPECT_FALSE(answers[1]);
  cassandra.resume();
  do {
    ask();
    take_until(answers.size() + 1);
  } while (!answers.back() && answers.size() < 20);
  EXPECT_TRUE(answers.back());
}

TEST(CassandraFaults, ANodeThatDiesAndComesBackSendsTheOwnerToItsWatermark) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.node_check_ms = 50;
    options.connection.request_ms = 5'000;
  });
  ASSERT_TRUE(bench.write(write_cats(1, 10, true)).result);
  ASSERT_TRUE(bench.write(write_cats(2, 20)).result);
  cassandra.kill();
  bench.wait_for(Kind::kForgot);
  cassandra.start();
  bench.wait_for(Kind::kForgot);
  EXPECT_EQ(bench.store().stats().forgot, 2u) << "once for its end, once for its start";
  EXPECT_EQ(bench.store().watermarks().value(), write_cats(1, 10, true).watermarks);
  // What a worker does then: it writes again what is above its watermark.
  ASSERT_TRUE(bench.write(write_cats(2, 20, true)).result);
  EXPECT_EQ(cats(bench), row(2, 20));
}

/// So that a start is seen by nobody before something is written.
void look_at_nodes_when_asked(CassandraStoreOptions& options) {
  options.node_check_ms = 600'000;
  options.connection.request_ms = 5'000;
}

/// The write is refused, since the node has started again, and the owner is told.
void expect_told_of_start(CassandraBench& bench, const StoreWrite& write) {
  const auto refused = bench.write(write);
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().code, Code::kBusy);
  EXPECT_THAT(refused.result.error().what, HasSubstr("started again"));
  bench.wait_for(Kind::kForgot);
}

TEST(CassandraFaults, AStartThatNobodySawIsFoundBeforeTheNextWatermark) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), look_at_nodes_when_asked);
  ASSERT_TRUE(bench.write(write_cats(1, 10)).result);
  cassandra.kill();
  cassandra.start();
  // It would cover the row at offset 10.
  expect_told_of_start(bench, write_cats(2, 20, true));
  EXPECT_TRUE(bench.store().watermarks().value().empty());
  while (!bench.write(write_cats(2, 20, true)).result) EXPECT_TRUE(bench.store().watermarks());
  EXPECT_EQ(bench.store().watermarks().value(), write_cats(2, 20, true).watermarks);
}

/// All rows and marks are gone, as after a power cut of every node before any had synced them.
void forget(const OwnCassandra& cassandra, const std::string& keyspace) {
  CassandraConnection connection;
  connection.contact_points = cassandra.contact_points();
  const auto session = CassandraSession::open(connection, keyspace, [] {});
  ASSERT_TRUE(session) << session.error().what;
  for (const auto* table : {"counters", "marks", "buckets"}) {
    const auto done = (*session)->run("TRUNCATE " + keyspace + "." + table);
    ASSERT_TRUE(done) << done.error().what;
  }
}

// A row rests on what was loaded for it. Loaded of nodes that forgot, it lacks events, and its offset hides that.
TEST(CassandraFaults, AStartThatNobodySawIsFoundBeforeTheNextRow) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), look_at_nodes_when_asked);
  ASSERT_TRUE(bench.write(write_cats(1, 10)).result);
  cassandra.kill();
  cassandra.start();
  EXPECT_EQ(cats(bench), row(1, 10)) << "this time it had synced";
  expect_told_of_start(bench, write_cats(2, 20));
  EXPECT_EQ(cats(bench), row(1, 10));
  // A connection that is not there yet is told of first, then the start.
  while (!bench.write(write_cats(2, 20)).result) continue;
  EXPECT_EQ(cats(bench), row(2, 20));
}

TEST(CassandraFaults, MarksThatAllNodesForgotAreNotKnownAnyMore) {
  OwnCassandra cassandra;
  CassandraBench bench(cassandra.contact_points(), [](CassandraStoreOptions& options) {
    options.node_check_ms = 50;
    options.connection.request_ms = 5'000;
  });
  auto write = write_cats(1, 10, true);
  write.sources = {{PartitionId{2}, {1, 1}, 5, Offset{9}, false}};
  ASSERT_TRUE(bench.write(write).result);
  cassandra.kill();
  bench.wait_for(Kind::kForgot);
  cassandra.start();
  bench.wait_for(Kind::kForgot);
  ASSERT_NO_FATAL_FAILURE(forget(cassandra, bench.keyspace()));
  EXPECT_FALSE(bench.write(write_cats(2, 20, true)).result) << "it would name what is not there";
  EXPECT_THAT(bench.store().watermarks().value(), IsEmpty());
  EXPECT_THAT(bench.store().sources().value(), IsEmpty());
  ASSERT_TRUE(bench.write(write).result) << "its log is read again";
  bench.reopen();
  EXPECT_EQ(bench.store().watermarks().value(), write.watermarks);
  EXPECT_EQ(bench.store().sources().value(), write.sources);
}

/// Cassandra's first user may do everything, also pass guardrails; it is made when the server has started.
std::unique_ptr<CassandraSession> open_as_administrator(CassandraConnection connection) {
  connection.user = connection.password = "cassandra";
  while (true) {
    auto opened = CassandraSession::open(connection, "system", [] {});
    if (opened) return *std::move(opened);
  }
}

TEST(CassandraFaults, AGuardrailThatRefusesOurTimestampsIsNamedAtTheStart) {
  OwnCassandra cassandra(
      "-Dcassandra.settings.maximum_timestamp_fail_threshold=1d "
      "-Dcassandra.settings.authenticator=PasswordAuthenticator -Dcassandra.superuser_setup_delay_ms=0");
  auto options = options_for(cassandra.contact_points(), new_keyspace());
  auto opened = CassandraStore::open(options);
  ASSERT_FALSE(opened) << "without a login";
  EXPECT_EQ(opened.error().code, Code::kRefused) << opened.error().what;
  const auto administrator = open_as_administrator(options.connection);
  ASSERT_TRUE(administrator->run("CREATE ROLE quipu WITH PASSWORD = 'knots' AND LOGIN = true"));
  options.connection.user = "quipu";
  options.connection.password = "wrong";
  opened = CassandraStore::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("incorrect"));
  options.connection.password = "knots";
  opened = CassandraStore::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("maximum_timestamp_fail_threshold"));
  // The way out that the error names.
  options.keyspace.name = new_keyspace();
  options.timestamp_base = 1;
  opened = CassandraStore::open(options);
  EXPECT_TRUE(opened) << opened.error().what;
}

}  // namespace
}  // namespace quipu::testing_cassandra
