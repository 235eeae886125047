#include "store/cassandra_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cassandra/cassandra_bench.h"
#include "store/cassandra_rows.h"

/// What only the store in Cassandra can meet: several owners, other hands in its tables, nodes that forget. What every
/// store must do is in test/contract, and this program has that suite too.
namespace quipu::testing_cassandra {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing_contract::row;
using testing_contract::shard;
using Kind = StoreCompletion::Kind;

const std::vector<CounterKey> kCats{{9, "views", "cats"}};

StoreWrite write_cats(const Row& row) {
  StoreWrite write;
  write.rows.add(9, "views", "cats", shard(1, 2), row);
  return write;
}

StoreWrite write_mark(std::uint16_t partition, std::uint64_t offset, std::string_view chains) {
  const auto bytes = as_bytes(chains);
  StoreWrite write;
  write.watermarks.push_back({PartitionId{partition}, Offset{offset}, Bytes(bytes.begin(), bytes.end())});
  return write;
}

/// The one row of the one counter that these tests write.
Row cats(CassandraBench& bench) {
  const auto rows = bench.load(kCats);
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Row{} : rows.items()[0].row;
}

/// The first value of the first row.
std::int64_t number(const std::string& cql) {
  const auto session = open_session(contact_points());
  const auto statement = session->prepare(cql, {});
  EXPECT_TRUE(statement) << statement.error().what;
  CassandraValues none;
  none.begin(0);
  const auto answer = session->call(*statement, none);
  EXPECT_TRUE(answer.result()) << answer.result().error().what;
  return CassandraReader(answer.rows()).take_bigint();
}

TEST(CassandraStore, AnOlderRowLosesWhoeverWritesIt) {
  CassandraBench bench;
  auto zombie_options = options_for(contact_points(), bench.keyspace());
  Waker waker;
  zombie_options.wake = [&waker] { waker.wake(); };
  const auto zombie = CassandraStore::open(zombie_options);
  ASSERT_TRUE(zombie) << zombie.error().what;
  ASSERT_TRUE(bench.write(write_cats(row(20, 200))).result);
  (*zombie)->write(write_cats(row(19, 190)));
  std::vector<StoreCompletion> done;
  while (done.empty()) {
    waker.wait();
    (*zombie)->take_completions(done);
  }
  EXPECT_TRUE(done[0].result) << "it is acknowledged, and loses";
  EXPECT_EQ(cats(bench), row(20, 200));
}

TEST(CassandraStore, ARowIsOneCellSoThatTwoOfOneOffsetAreNeverMixed) {
  // This is no state that a sound log leads to. With a column for each number Cassandra would keep 9 and 9 of these.
  Row one{5, 9, Epoch{}, Offset{70}, 0};
  Row other{9, 5, Epoch{}, Offset{70}, 0};
  std::vector<Row> kept;
  for (const bool swapped : {false, true}) {
    CassandraBench bench;
    ASSERT_TRUE(bench.write(write_cats(swapped ? other : one)).result);
    ASSERT_TRUE(bench.write(write_cats(swapped ? one : other)).result);
    kept.push_back(cats(bench));
  }
  EXPECT_EQ(kept[0], kept[1]) << "the order does not decide";
  EXPECT_TRUE(kept[0] == one || kept[0] == other) << kept[0].total << ", " << kept[0].events;
}

TEST(CassandraStore, WhatIsDoneByHandNeitherHidesNorPinsACounter) {
  CassandraBench bench;
  ASSERT_TRUE(bench.write(write_cats(row(20, 200))).result);
  bench.run("DELETE FROM KS.counters WHERE namespace = 'views' AND counter = textAsBlob('cats')");
  EXPECT_EQ(cats(bench), row(20, 200));
  bench.run(
      "UPDATE KS.counters SET shard = (1, 1, 0, 1, 0, 9) WHERE namespace = 'views' AND counter = textAsBlob('cats') "
      "AND generation = 1 AND partition = 2");
  EXPECT_EQ(cats(bench), row(20, 200));
  ASSERT_TRUE(bench.write(write_cats(row(21, 201))).result);
  EXPECT_EQ(cats(bench), row(21, 201));
}

TEST(CassandraStore, ACellThatIsNoneIsNamed) {
  CassandraBench bench;
  bench.run(
      "UPDATE KS.counters SET shard = (1, 1, 0, 1, 77, 9) WHERE namespace = 'views' AND counter = textAsBlob('cats') "
      "AND generation = 1 AND partition = 2");
  bench.store().load({1, kCats});
  const auto done = bench.wait_for(Kind::kLoad);
  ASSERT_FALSE(done.result);
  EXPECT_EQ(done.result.error().code, Code::kDamaged);
  EXPECT_THAT(done.result.error().what, HasSubstr("views/cats in partition 2"));
}

TEST(CassandraStore, AMarkWritesTheBucketsThatChanged) {
  CassandraBench bench;
  const auto buckets = "SELECT count(*) FROM " + bench.keyspace() + ".buckets";
  const std::string chains(kChainPieceBytes * 3 - 7, 'c');
  auto first = write_mark(0, 10, chains);
  for (std::uint64_t source = 0; source < 100; ++source) {
    first.sources.push_back({PartitionId{0}, {source, 1}, source + 1, Offset{source + 1}});
  }
  ASSERT_TRUE(bench.write(first).result);
  EXPECT_EQ(number(buckets), 3 + 100);
  auto changed = chains;
  changed[kChainPieceBytes] = 'd';
  auto second = write_mark(0, 20, changed);
  second.sources.push_back({PartitionId{0}, {7, 1}, 99, Offset{15}});
  ASSERT_TRUE(bench.write(second).result);
  EXPECT_EQ(number(buckets), 3 + 100 + 2) << "one piece of the chains and one bucket of sources are new";
  bench.reopen();
  EXPECT_EQ(bench.store().watermarks().value(), second.watermarks);
  auto sources = first.sources;
  sources[7] = second.sources[0];
  EXPECT_THAT(bench.store().sources().value(), testing::UnorderedElementsAreArray(sources));
}

TEST(CassandraStore, ANewOwnerOfAPartitionTakesOverWhatTheFormerOneLeft) {
  CassandraBench bench;
  auto options = options_for(contact_points(), bench.keyspace());
  Waker waker;
  options.wake = [&waker] { waker.wake(); };
  auto opened = CassandraStore::open(options);
  ASSERT_TRUE(opened) << opened.error().what;
  CassandraStore& next = **opened;
  const auto write_next = [&](StoreWrite write) {
    next.write(std::move(write));
    std::vector<StoreCompletion> done;
    while (done.empty()) {
      waker.wait();
      next.take_completions(done);
    }
    EXPECT_TRUE(done[0].result) << done[0].result.error().what;
  };
  const SourceRow one{PartitionId{3}, {1, 1}, 5, Offset{9}};
  const SourceRow two{PartitionId{3}, {2, 2}, 6, Offset{19}};
  auto first = write_mark(3, 10, "first");
  first.sources = {one};
  ASSERT_TRUE(bench.write(first).result);
  EXPECT_EQ(next.watermarks().value(), first.watermarks);
  EXPECT_THAT(next.sources().value(), ElementsAre(one));
  auto second = write_mark(3, 20, "second");
  second.sources = {two};
  write_next(second);
  // The former owner has not heard of it, and is late.
  ASSERT_TRUE(bench.write(write_mark(3, 15, "late")).result);
  bench.reopen();
  EXPECT_EQ(bench.store().watermarks().value(), second.watermarks);
  EXPECT_THAT(bench.store().sources().value(), UnorderedElementsAre(one, two));
}

// Nodes whose power fails one after another may keep a mark and have forgotten a bucket that it names.
TEST(CassandraStore, AMarkWhoseBucketsAreForgottenGivesWayToTheDurableOne) {
  CassandraBench bench;
  const SourceRow old{PartitionId{3}, {1, 1}, 5, Offset{9}};
  auto durable = write_mark(3, 10, "durable");
  durable.sources = {old};
  durable.sync = true;
  ASSERT_TRUE(bench.write(durable).result);
  EXPECT_EQ(bench.store().durable_watermark(PartitionId{3}), Offset{10});
  auto lost = write_mark(3, 20, "lost");
  lost.sources = {SourceRow{PartitionId{3}, {1, 1}, 6, Offset{19}}};
  ASSERT_TRUE(bench.write(lost).result);
  bench.run(
      "DELETE FROM KS.buckets USING TIMESTAMP 9000000000000000000 WHERE generation = 1 AND partition = 3 AND "
      "kind = 1 AND bucket = 1 AND version = " +
      std::to_string(20 << kVersionBits));
  EXPECT_EQ(bench.store().watermarks().value(), lost.watermarks) << "its owner knows it all the same";
  bench.reopen();
  EXPECT_EQ(bench.store().watermarks().value(), durable.watermarks);
  EXPECT_THAT(bench.store().sources().value(), ElementsAre(old));
  // Its owner goes on from there, and passes the one that is broken.
  ASSERT_TRUE(bench.write(write_mark(3, 15, "again")).result);
  EXPECT_EQ(bench.store().watermarks().value(), write_mark(3, 15, "again").watermarks);
  ASSERT_TRUE(bench.write(write_mark(3, 30, "passed")).result);
  bench.reopen();
  EXPECT_EQ(bench.store().watermarks().value(), write_mark(3, 30, "passed").watermarks);
  EXPECT_THAT(bench.store().sources().value(), ElementsAre(old));
}

TEST(CassandraStore, WaitsWhereTheDurableMarkIsNotWholeEither) {
  CassandraBench bench;
  auto durable = write_mark(3, 10, "durable");
  durable.sync = true;
  ASSERT_TRUE(bench.write(durable).result);
  ASSERT_TRUE(bench.write(write_mark(3, 20, "newest")).result);
  bench.run("TRUNCATE KS.buckets");
  auto options = options_for(contact_points(), bench.keyspace());
  const auto next = CassandraStore::open(options);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Code::kBusy);
  EXPECT_THAT(next.error().what, HasSubstr("partition 3"));
}

TEST(CassandraStore, EveryGenerationHasMarksAndBasesOfItsOwn) {
  CassandraBench bench;
  ASSERT_TRUE(bench.write(write_mark(0, 1'000, "old")).result);
  ASSERT_TRUE(bench.write(write_cats(row(20, 1'000))).result);
  bench.store().write_base({Offset{900}, {}}, 1);
  ASSERT_TRUE(bench.wait_for(Kind::kBase).result);
  ASSERT_TRUE(bench.store().begin_generation(Generation{2}));
  EXPECT_THAT(bench.store().watermarks().value(), IsEmpty());
  EXPECT_EQ(bench.store().oldest_base(), kNoOffset);
  EXPECT_EQ(bench.store().newest_base(Offset{kOffsetMax}).value(), std::nullopt);
  ASSERT_TRUE(bench.write(write_mark(0, 5, "new")).result);
  EXPECT_EQ(bench.store().watermarks().value(), write_mark(0, 5, "new").watermarks) << "a smaller offset wins here";
  EXPECT_EQ(cats(bench), row(20, 1'000)) << "rows name their generation themselves";
  ASSERT_TRUE(bench.store().begin_generation(Generation{1}));
  EXPECT_EQ(bench.store().watermarks().value(), write_mark(0, 1'000, "old").watermarks);
  EXPECT_EQ(bench.store().oldest_base(), Offset{900});
}

TEST(CassandraStore, EveryPartitionHasBasesOfItsOwn) {
  CassandraBench bench;
  const auto windows = as_bytes("windows");
  bench.store().write_base_of(PartitionId{4}, {Offset{50}, Bytes(windows.begin(), windows.end())}, 1);
  ASSERT_TRUE(bench.wait_for(Kind::kBase).result);
  bench.store().write_base_of(PartitionId{5}, {Offset{10}, {}}, 2);
  ASSERT_TRUE(bench.wait_for(Kind::kBase).result);
  bench.reopen();
  EXPECT_EQ(bench.store().oldest_base_of(PartitionId{4}), Offset{50});
  EXPECT_EQ(bench.store().oldest_base_of(PartitionId{5}), Offset{10});
  EXPECT_EQ(bench.store().oldest_base_of(PartitionId{6}), kNoOffset);
  const auto found = bench.store().newest_base_of(PartitionId{4}, Offset{60});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(as_text((*found)->windows), "windows");
}

TEST(CassandraStore, ABaseThatIsNotWholeIsPassedOverForAnOlderOne) {
  CassandraBench bench;
  for (const std::uint64_t offset : {10, 20}) {
    const auto windows = as_bytes("windows");
    bench.store().write_base({Offset{offset}, Bytes(windows.begin(), windows.end())}, offset);
    ASSERT_TRUE(bench.wait_for(Kind::kBase).result);
  }
  const auto newest = number("SELECT max(version) FROM " + bench.keyspace() + ".base_chunks");
  bench.run("DELETE FROM KS.base_chunks WHERE generation = 1 AND partition = 0 AND version = " +
            std::to_string(newest));
  auto found = bench.store().newest_base(Offset{kOffsetMax});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->offset, Offset{10});
  bench.run("TRUNCATE KS.base_chunks");
  found = bench.store().newest_base(Offset{kOffsetMax});
  ASSERT_TRUE(found) << "what is not there is not damaged: the log says whether it is needed";
  EXPECT_EQ(*found, std::nullopt);
}

// Nodes that lose their power may keep the list of bases, which was written later, and forget the durable mark that it
// rests on: a base at or below the one before must be there.
TEST(CassandraStore, ABaseBelowTheDurableMarkStaysUntilThatHasPassedTheNext) {
  CassandraBench bench(testing_cassandra::contact_points(), [](CassandraStoreOptions& options) {
    options.settle_at_open = false;
    options.sync_wait_ms = 2'000;  // Long enough to end the store meanwhile.
  });
  const auto newest_at = [&](std::uint64_t offset) {
    const auto found = bench.store().newest_base(Offset{offset});
    return found && *found ? (*found)->offset : kNoOffset;
  };
  const auto write_base = [&](std::uint64_t offset) {
    bench.store().write_base({Offset{offset}, {}}, offset);
    return bench.wait_for(Kind::kBase).result.has_value();
  };
  ASSERT_TRUE(bench.write(write_mark(0, 10, "")).result);
  ASSERT_TRUE(write_base(10));
  ASSERT_TRUE(bench.write(write_mark(0, 100, "")).result);
  bench.store().write_base({Offset{100}, {}}, 1);
  std::vector<StoreCompletion> none;
  for (int look = 0; look < 20'000 && newest_at(100) != Offset{100}; ++look) bench.store().take_completions(none);
  ASSERT_EQ(newest_at(100), Offset{100}) << "it is named";
  bench.reopen();
  ASSERT_EQ(bench.store().sure_watermark_of(PartitionId{0}), Offset{100}) << "acknowledged, and perhaps on no disk";
  bench.run("TRUNCATE KS.marks");
  bench.reopen();
  auto before = write_mark(0, 10, "");
  before.sync = true;
  ASSERT_TRUE(bench.write(before).result);
  ASSERT_EQ(bench.store().sure_watermark_of(PartitionId{0}), Offset{10});
  ASSERT_TRUE(bench.write(write_mark(0, 200, "")).result);
  ASSERT_TRUE(write_base(200));
  EXPECT_EQ(newest_at(199), Offset{10}) << "the one between, which the durable mark had not passed, has gone";
  EXPECT_EQ(newest_at(200), Offset{200});
  ASSERT_EQ(bench.store().sure_watermark_of(PartitionId{0}), Offset{200});
  ASSERT_TRUE(bench.write(write_mark(0, 300, "")).result);
  ASSERT_TRUE(write_base(300));
  EXPECT_EQ(newest_at(199), kNoOffset);
  EXPECT_EQ(newest_at(299), Offset{200});
}

TEST(CassandraStore, ABaseThatIsAlteredIsNamed) {
  CassandraBench bench;
  const auto windows = as_bytes("windows");
  bench.store().write_base({Offset{20}, Bytes(windows.begin(), windows.end())}, 1);
  ASSERT_TRUE(bench.wait_for(Kind::kBase).result);
  bench.run("UPDATE KS.base_chunks SET content = 0x00 WHERE generation = 1 AND partition = 0 AND version = " +
            std::to_string(number("SELECT max(version) FROM " + bench.keyspace() + ".base_chunks")) + " AND chunk = 0");
  const auto found = bench.store().newest_base(Offset{kOffsetMax});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kDamaged);
  EXPECT_THAT(found.error().what, HasSubstr("at offset 20"));
}

// Two workers may both believe that they own a partition. Neither may drop what the other's list names.
TEST(CassandraStore, ABaseThatIsThereIsWrittenAgainAsItIs) {
  CassandraBench bench;
  const auto count = [&] { return number("SELECT count(*) FROM " + bench.keyspace() + ".base_chunks"); };
  const auto write = [&](std::string_view text) {
    const auto windows = as_bytes(text);
    bench.store().write_base({Offset{20}, Bytes(windows.begin(), windows.end())}, 1);
    return bench.wait_for(Kind::kBase).result;
  };
  ASSERT_TRUE(write("windows"));
  const auto version = number("SELECT max(version) FROM " + bench.keyspace() + ".base_chunks");
  bench.reopen();
  ASSERT_TRUE(write("windows"));
  EXPECT_EQ(number("SELECT max(version) FROM " + bench.keyspace() + ".base_chunks"), version);
  EXPECT_EQ(count(), 1);
  const auto other = write("not those");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kRefused);
  EXPECT_EQ(as_text(bench.store().newest_base(Offset{kOffsetMax}).value()->windows), "windows");
}

TEST(CassandraStore, ASettingIsClaimedByOneOfAllThatAsk) {
  CassandraBench bench;
  EXPECT_EQ(bench.store().claim_setting("log", "mine").value(), "mine");
  EXPECT_EQ(bench.store().claim_setting("log", "another").value(), "mine");
}

TEST(CassandraStore, TheLastWriterOfASettingIsRightWhateverTheClocksSay) {
  CassandraBench bench;
  auto ahead = options_for(contact_points(), bench.keyspace());
  Waker waker;
  ahead.wake = [&waker] { waker.wake(); };
  ahead.wall_us = [] { return std::int64_t{4'000'000'000} * 1'000'000; };  // In the year 2096.
  const auto other = CassandraStore::open(ahead);
  ASSERT_TRUE(other) << other.error().what;
  StoreWrite first;
  first.settings = {{"flushed/0", "of the one whose clock is ahead"}};
  (*other)->write(std::move(first));
  std::vector<StoreCompletion> done;
  while (done.empty()) {
    waker.wait();
    (*other)->take_completions(done);
  }
  ASSERT_TRUE(done[0].result);
  StoreWrite second;
  second.settings = {{"flushed/0", "of the next"}};
  ASSERT_TRUE(bench.write(second).result);
  EXPECT_EQ(bench.store().settings().value(), second.settings);
}

TEST(CassandraStore, WaitsForTheDiskAsLongAsTheNodesSay) {
  CassandraBench bench(contact_points(), [](CassandraStoreOptions& options) {
    options.sync_wait_ms = std::nullopt;
    options.settle_at_open = false;
  });
  const auto session = open_session(contact_points());
  const auto answer =
      session->call_nodes("SELECT value FROM system_views.settings WHERE name = 'commitlog_sync_period'", 20'000);
  CassandraReader nodes(answer.rows());
  nodes.take_bytes();
  const auto text = nodes.take_bytes();
  ASSERT_THAT(std::string(text), testing::EndsWith("ms"));
  std::uint32_t period = 0;
  std::from_chars(text.data(), text.data() + text.size(), period);
  ASSERT_GT(period, 0u);
  EXPECT_EQ(bench.store().stats().sync_wait_ms, period + period / 2 + 100);
}

TEST(CassandraStore, BeyondItsBoundsARequestIsBusyInItsTurn) {
  CassandraBench bench(contact_points(), [](CassandraStoreOptions& options) {
    options.waiting_requests_max = 2;
    options.waiting_bytes_max = 1 << 20;
  });
  for (std::uint64_t token = 1; token <= 3; ++token) {
    auto write = write_cats(row(static_cast<std::int64_t>(token), token));
    write.token = token;
    bench.store().write(std::move(write));
  }
  EXPECT_EQ(bench.store().pending(), 3u);
  EXPECT_TRUE(bench.wait_for(Kind::kWrite).result);
  EXPECT_TRUE(bench.wait_for(Kind::kWrite).result);
  const auto third = bench.wait_for(Kind::kWrite);
  EXPECT_EQ(third.token, 3u);
  ASSERT_FALSE(third.result);
  EXPECT_EQ(third.result.error().code, Code::kBusy);
  EXPECT_EQ(cats(bench), row(2, 2));
  // Bytes: the first one alone may be larger than all.
  for (std::uint64_t token = 4; token <= 5; ++token) {
    bench.store().write(write_mark(0, token, std::string((2 << 20) - 100, 'c')));
  }
  EXPECT_TRUE(bench.wait_for(Kind::kWrite).result);
  EXPECT_EQ(bench.wait_for(Kind::kWrite).result.error().code, Code::kBusy);
  EXPECT_EQ(bench.store().pending(), 0u);
}

TEST(CassandraStore, AWatermarkIsNotWrittenBehindAWriteThatFailed) {
  CassandraBench bench;
  bench.run("DROP TABLE KS.counters");
  bench.store().write(write_cats(row(1, 1)));
  bench.store().write(write_mark(0, 1, "covers what failed"));
  const auto rows = bench.wait_for(Kind::kWrite);
  ASSERT_FALSE(rows.result);
  EXPECT_EQ(rows.result.error().code, Code::kRefused) << rows.result.error().what;
  const auto mark = bench.wait_for(Kind::kWrite);
  ASSERT_FALSE(mark.result);
  EXPECT_EQ(mark.result.error().code, Code::kBusy);
  EXPECT_THAT(bench.store().watermarks().value(), IsEmpty());
  EXPECT_TRUE(bench.write(write_mark(0, 2, "given again")).result);
}

TEST(CassandraStore, RefusesAKeyspaceOfANewerProgram) {
  CassandraBench bench;
  bench.run("UPDATE KS.format SET version = 2 WHERE name = 'quipu'");
  const auto opened = CassandraStore::open(options_for(contact_points(), bench.keyspace()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("format 2"));
}

TEST(CassandraStore, RefusesOptionsThatCanNotBe) {
  const auto refused = [](const std::function<void(CassandraStoreOptions&)>& edit) {
    auto options = options_for(contact_points(), new_keyspace());
    edit(options);
    const auto opened = CassandraStore::open(std::move(options));
    return opened ? "" : opened.error().what;
  };
  EXPECT_THAT(refused([](auto& options) { options.timestamp_base = -1; }), HasSubstr("timestamps"));
  EXPECT_THAT(refused([](auto& options) { ++options.timestamp_base; }), HasSubstr("timestamps"));
  EXPECT_THAT(refused([](auto& options) { options.node_check_ms = 9; }), HasSubstr("10 ms"));
  EXPECT_THAT(refused([](auto& options) { options.keyspace.name = "a; DROP"; }), HasSubstr("no name"));
  EXPECT_THAT(refused([](auto& options) { options.keyspace.replication_factor = 0; }), HasSubstr("replication"));
  EXPECT_THAT(refused([](auto& options) { options.connection.contact_points = "127.0.0.1:1"; }),
              HasSubstr("Cassandra"));
}

TEST(CassandraStore, RefusesAnotherBaseOfTimestampsThanTheKeyspaceHas) {
  const auto keyspace = new_keyspace();
  const auto open = [&](std::int64_t base) {
    auto options = options_for(contact_points(), keyspace);
    options.timestamp_base = base;
    return CassandraStore::open(options);
  };
  constexpr std::int64_t kSmall = std::int64_t{1} << 60;
  EXPECT_TRUE(open(kSmall));
  EXPECT_TRUE(open(kSmall)) << "the same again";
  for (const auto other : {kSmall - 1, kSmall + 1, CassandraStoreOptions{}.timestamp_base}) {
    const auto opened = open(other);
    ASSERT_FALSE(opened) << other;
    EXPECT_EQ(opened.error().code, Code::kRefused);
    EXPECT_THAT(opened.error().what, HasSubstr("cassandra.timestamp_base = " + std::to_string(kSmall)));
    EXPECT_THAT(opened.error().what, HasSubstr(std::to_string(other)));
  }
  open_session(contact_points())->run("DROP KEYSPACE IF EXISTS " + keyspace).value();
}

TEST(CassandraStore, SaysWhenThereAreFewerNodesThanCopiesNeed) {
  auto options = options_for(contact_points(), new_keyspace());
  options.keyspace.replication_factor = 3;
  options.connection.retry_ms = 100;
  const auto opened = CassandraStore::open(options);
  open_session(contact_points())->run("DROP KEYSPACE IF EXISTS " + options.keyspace.name).value();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kBusy);
  EXPECT_THAT(opened.error().what, HasSubstr("required: 2, alive: 1"));
}

TEST(CassandraStore, EveryRequestNeedsAMajorityOfTheCopies) {
  CassandraBench bench(contact_points(), [](auto& options) { options.connection.retry_ms = 100; });
  ASSERT_TRUE(bench.write(write_cats(row(20, 200))).result);
  // One of three copies is there: enough for a request at ONE, too few for one at LOCAL_QUORUM.
  bench.run("ALTER KEYSPACE KS WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}");
  const auto expect_too_few = [](const Result<void>& result, const char* of) {
    ASSERT_FALSE(result) << of;
    EXPECT_EQ(result.error().code, Code::kBusy) << of;
    EXPECT_THAT(result.error().what, HasSubstr("required: 2, alive: 1")) << of;
  };
  expect_too_few(bench.write(write_cats(row(21, 201))).result, "a row");
  expect_too_few(bench.write(write_mark(2, 201, "chains")).result, "a watermark");
  bench.store().load({1, kCats});
  expect_too_few(bench.wait_for(Kind::kLoad).result, "a load");
  bench.store().scan({});
  expect_too_few(bench.wait_for(Kind::kScan).result, "a scan");
  bench.store().write_base({Offset{200}, {}}, 2);
  expect_too_few(bench.wait_for(Kind::kBase).result, "a base");
  const auto marks = bench.store().watermarks();
  expect_too_few(marks ? Result<void>{} : std::unexpected(marks.error()), "the watermarks");
  const auto settings = bench.store().settings();
  expect_too_few(settings ? Result<void>{} : std::unexpected(settings.error()), "the settings");
}

TEST(CassandraStore, AScanOfAllReplicasWaitsForEachOfThem) {
  CassandraBench bench(contact_points(), [](auto& options) {
    options.connection.retry_ms = 100;
    options.scan_all_replicas = true;
  });
  ASSERT_TRUE(bench.write(write_cats(row(20, 200))).result);
  bench.store().scan({1, 0, 10});
  const auto whole = bench.wait_for(Kind::kScan);
  ASSERT_TRUE(whole.result) << whole.result.error().what;
  EXPECT_EQ(whole.rows.size(), 1u);
  // One of three copies is there.
  bench.run("ALTER KEYSPACE KS WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}");
  bench.store().scan({2, 0, 10});
  const auto refused = bench.wait_for(Kind::kScan);
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().code, Code::kBusy);
  EXPECT_THAT(refused.result.error().what, HasSubstr("consistency: All, required: 3, alive: 1"));
}

}  // namespace
}  // namespace quipu::testing_cassandra
