#include "store/cassandra_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kBase = 1'000'000;
constexpr PartitionId kPartition{3};

StoreWrite write_of(std::uint64_t offset, std::string_view chains, std::vector<SourceRow> sources = {}) {
  StoreWrite write;
  const auto bytes = as_bytes(chains);
  if (offset > 0) write.watermarks.push_back({kPartition, Offset{offset}, Bytes(bytes.begin(), bytes.end())});
  write.sources = std::move(sources);
  return write;
}

SourceRow source(std::uint64_t hash, std::uint64_t sequence, std::uint64_t touched) {
  return {kPartition, {hash, 0}, sequence, Offset{touched}, false};
}

/// The tables as they would be: versions of buckets, and the newest mark.
class Tables {
 public:
  /// What was written, by (kind, bucket, version).
  std::map<std::tuple<int, int, std::int64_t>, std::string> buckets;
  CassandraMark mark;
  std::size_t buckets_of_last = 0;

  void put(CassandraMarks& marks, const StoreWrite& write) {
    auto plan = marks.plan(write);
    apply(plan);
    marks.commit(std::move(plan));
  }

  void apply(const CassandraMarks::Plan& plan) {
    buckets_of_last = plan.buckets.executions();
    CassandraReader values(std::string_view(plan.buckets.bytes()));
    std::string_view rest(plan.buckets.bytes());
    for (std::uint32_t at = 0; at < plan.buckets.executions(); ++at) {
      CassandraReader row(rest.substr(2));
      EXPECT_EQ(row.take_int(), 1);
      EXPECT_EQ(row.take_int(), kPartition.value);
      const auto kind = row.take_int();
      const auto bucket = row.take_int();
      const auto version = row.take_bigint();
      const std::string content(row.take_bytes());
      EXPECT_EQ(row.take_bigint(), kBase + (version >> kVersionBits));
      EXPECT_TRUE(buckets.try_emplace({kind, bucket, version}, content).second) << "a version is written once";
      rest.remove_prefix(2 + 4 * 8 + 12 + 4 + content.size() + 12);
    }
    EXPECT_EQ(rest, "");
    if (plan.marks.executions() == 0) return;
    ASSERT_EQ(plan.marks.executions(), 1u);
    CassandraReader row(std::string_view(plan.marks.bytes()).substr(2));
    row.take_int();
    EXPECT_EQ(row.take_int(), kPartition.value);
    mark = read_mark(row.take_bytes()).value();
    EXPECT_EQ(row.take_bigint(), kBase + static_cast<std::int64_t>(mark.offset.value));
    for (std::size_t at = 0; at < mark.chains.size(); ++at) {
      EXPECT_TRUE(buckets.contains({0, static_cast<int>(at), mark.chains[at]})) << "a mark names what is there";
    }
  }
};

TEST(CassandraMarks, WritesTheBucketsThatChangedAsNewVersions) {
  CassandraMarks marks(Generation{1}, kBase);
  Tables tables;
  const auto put = [&](const StoreWrite& write) { tables.put(marks, write); };
  put(write_of(10, "abc", {source(1, 5, 9), source(2, 6, 8), source(1 + kSourceBuckets, 7, 7)}));
  EXPECT_EQ(tables.buckets_of_last, 1u + 2u);
  put(write_of(20, "abc"));
  EXPECT_EQ(tables.buckets_of_last, 0u);
  EXPECT_EQ(tables.mark.offset, Offset{20});
  put(write_of(30, "abd", {source(2, 6, 8)}));
  EXPECT_EQ(tables.buckets_of_last, 1u) << "a source that is as it was changes nothing";
  EXPECT_EQ(tables.mark.chains, std::vector<std::int64_t>{30 << kVersionBits});
  EXPECT_EQ(tables.mark.sources[1], 10 << kVersionBits);
  EXPECT_EQ(tables.mark.sources[0], 0);
  EXPECT_EQ(marks.watermarks(), write_of(30, "abd").watermarks);
}

TEST(CassandraMarks, AVersionIsNeverGivenTwiceAlsoAfterAFailure) {
  CassandraMarks marks(Generation{1}, kBase);
  Tables tables;
  tables.apply(marks.plan(write_of(10, "lost, or perhaps not")));
  EXPECT_THAT(marks.watermarks(), IsEmpty()) << "what was not committed is not known";
  auto plan = marks.plan(write_of(10, "other"));
  tables.apply(plan);
  marks.commit(std::move(plan));
  EXPECT_EQ(tables.mark.chains[0], (10 << kVersionBits) + 1);
}

TEST(CassandraMarks, SourcesBeforeTheFirstMarkHaveAVersion) {
  CassandraMarks marks(Generation{1}, kBase);
  Tables tables;
  tables.apply(marks.plan(write_of(0, "", {source(2, 6, 8)})));
  ASSERT_EQ(tables.mark.sources.size(), kSourceBuckets);
  EXPECT_EQ(tables.mark.sources[2], 1) << "0 says that the bucket was never written";
  EXPECT_EQ(tables.mark.sources[0], 0);
}

TEST(CassandraMarks, AnOlderMarkIsLeftOutWithItsSources) {
  CassandraMarks marks(Generation{1}, kBase);
  marks.commit(marks.plan(write_of(20, "new", {source(1, 9, 19)})));
  const auto plan = marks.plan(write_of(10, "old", {source(1, 5, 9)}));
  EXPECT_EQ(plan.marks.executions(), 0u);
  EXPECT_EQ(plan.buckets.executions(), 0u);
  EXPECT_THAT(marks.sources(), ElementsAre(source(1, 9, 19)));
}

// Two owners of a partition may write its marks by turns, and a mark of the other may be read while ours is on its way:
// a newer one, which ours lost against, or an older one. The next must name versions of what it says in either case.
class CassandraMarksLoaded : public testing::Test {
 protected:
  /// The other owner's mark, where its sources changed at 12.
  static CassandraMark theirs(std::uint64_t offset) {
    CassandraMark mark;
    mark.offset = Offset{offset};
    mark.chains = {static_cast<std::int64_t>(offset) << kVersionBits};
    mark.sources.resize(kSourceBuckets, 0);
    mark.sources[1] = 12 << kVersionBits;
    return mark;
  }
  void put(const StoreWrite& write) {
    auto plan = marks_.plan(write);
    tables_.apply(plan);
    marks_.commit(std::move(plan));
  }
  void put_while_loaded(const StoreWrite& write, const CassandraMark& loaded) {
    auto plan = marks_.plan(write);
    tables_.apply(plan);
    marks_.load(kPartition, loaded, {"theirs"}, {source(1, 8, 12)});
    marks_.commit(std::move(plan));
  }

  CassandraMarks marks_{Generation{1}, kBase};
  Tables tables_;
};

TEST_F(CassandraMarksLoaded, ANewerMarkStays) {
  put(write_of(10, "ours", {source(1, 5, 9)}));
  put_while_loaded(write_of(11, "ours"), theirs(30));
  EXPECT_EQ(marks_.watermarks(), write_of(30, "theirs").watermarks);
  EXPECT_EQ(marks_.plan(write_of(25, "ours", {source(1, 8, 12)})).marks.executions(), 0u) << "it would lose";
  put(write_of(40, "ours", {source(1, 8, 12)}));
  EXPECT_EQ(tables_.mark.sources[1], 12 << kVersionBits) << "the bucket that holds it";
  EXPECT_THAT(marks_.sources(), ElementsAre(source(1, 8, 12)));
}

TEST_F(CassandraMarksLoaded, AnOlderMarkGivesWay) {
  put(write_of(10, "ours", {source(1, 5, 9)}));
  put_while_loaded(write_of(30, "ours", {source(1, 9, 29)}), theirs(20));
  EXPECT_EQ(marks_.watermarks(), write_of(30, "ours").watermarks);
  put(write_of(40, "later"));
  EXPECT_EQ(tables_.mark.sources[1], 30 << kVersionBits) << "the bucket that holds it";
  EXPECT_THAT(marks_.sources(), ElementsAre(source(1, 9, 29)));
}

// Another owner may give the version after the one that failed, with what is as of its own offset in it.
TEST_F(CassandraMarksLoaded, AVersionIsOfTheOffsetOfItsMark) {
  tables_.apply(marks_.plan(write_of(60, "failed", {source(1, 9, 59)})));
  marks_.load(kPartition, theirs(20), {"theirs"}, {source(1, 8, 12)});
  put(write_of(30, "ours", {source(1, 8, 25)}));
  EXPECT_EQ(tables_.mark.sources[1], 30 << kVersionBits);
  EXPECT_EQ(tables_.mark.chains[0], 30 << kVersionBits);
  tables_.apply(marks_.plan(write_of(60, "again")));
  EXPECT_EQ(tables_.mark.chains[0], (60 << kVersionBits) + 1) << "what failed may be there all the same";
}

TEST(CassandraMarks, PiecesOfChainsAreNeverTakenAway) {
  CassandraMarks marks(Generation{1}, kBase);
  Tables tables;
  for (const auto& chains : {std::string(kChainPieceBytes + 1, 'a'), std::string("short"), std::string()}) {
    auto plan = marks.plan(write_of(10, chains));
    tables.apply(plan);
    marks.commit(std::move(plan));
    EXPECT_EQ(tables.mark.chains.size(), 2u);
    EXPECT_EQ(marks.watermarks(), write_of(10, chains).watermarks);
  }
}

TEST(CassandraMarks, ForgottenSourcesLeaveTheirBucket) {
  CassandraMarks marks(Generation{1}, kBase);
  marks.commit(marks.plan(write_of(10, "", {source(1, 5, 9), source(2, 6, 8)})));
  auto gone = source(1, 5, 9);
  gone.forgotten = true;
  auto never = source(77, 1, 1);
  never.forgotten = true;
  const auto plan = marks.plan(write_of(20, "", {gone, never}));
  EXPECT_EQ(plan.buckets.executions(), 1u);
  marks.commit(plan);
  EXPECT_THAT(marks.sources(), ElementsAre(source(2, 6, 8)));
}

TEST(CassandraMarks, OnlyNewsIsLoadedAndGoesOnFromThere) {
  CassandraMarks marks(Generation{1}, kBase);
  const CassandraMark theirs{Offset{20}, {20 << kVersionBits}, {}};
  EXPECT_TRUE(marks.is_news(kPartition, theirs));
  marks.load(kPartition, theirs, {"chains"}, {});
  EXPECT_FALSE(marks.is_news(kPartition, theirs));
  EXPECT_EQ(marks.watermarks(), write_of(20, "chains").watermarks);
  marks.commit(marks.plan(write_of(30, "ours")));
  EXPECT_FALSE(marks.is_news(kPartition, theirs)) << "ours is on its way";
  EXPECT_TRUE(marks.is_news(kPartition, {Offset{40}, {40 << kVersionBits}, {}}));
}

// All nodes lost their power: what was acknowledged last is gone, and what is known of it here would name it.
TEST(CassandraMarks, WhatMayBeForgottenIsNotKnownUntilItIsReadAgain) {
  CassandraMarks marks(Generation{1}, kBase);
  Tables tables;
  const auto put = [&](const StoreWrite& write) { tables.put(marks, write); };
  put(write_of(10, "ten", {source(1, 5, 9)}));
  const auto kept = tables;
  put(write_of(20, "twenty", {source(1, 6, 15), source(2, 1, 16)}));
  marks.commit_durable(marks.plan_durable(), 0);
  tables.buckets = kept.buckets;
  marks.doubt();
  EXPECT_TRUE(marks.doubted());
  EXPECT_THAT(marks.watermarks(), IsEmpty());
  EXPECT_THAT(marks.sources(), IsEmpty());
  EXPECT_EQ(marks.durable(kPartition), kNoOffset);
  EXPECT_EQ(marks.plan_durable().values.executions(), 0u);
  EXPECT_EQ(marks.take_obsolete(1'000, 10).executions(), 0u);

  ASSERT_TRUE(marks.is_news(kPartition, kept.mark)) << "also where it is older than what was known";
  marks.load(kPartition, kept.mark, {"ten"}, {source(1, 5, 9)});
  marks.read_all();
  EXPECT_FALSE(marks.doubted());
  put(write_of(20, "twenty", {source(1, 6, 15), source(2, 1, 16)}));
  EXPECT_EQ(tables.buckets_of_last, 3u) << "nothing that was forgotten is taken for written";
  EXPECT_EQ(tables.mark.sources[1], (20 << kVersionBits) + 1) << "one node may have the first of that version still";
  EXPECT_EQ(marks.plan_durable().values.executions(), 1u);
}

class CassandraMarksDurable : public testing::Test {
 protected:
  void put(const StoreWrite& write) { marks_.commit(marks_.plan(write)); }
  void settle(TimeMs now) { marks_.commit_durable(marks_.plan_durable(), now); }

  CassandraMarks marks_{Generation{1}, kBase};
};

TEST_F(CassandraMarksDurable, StandsBesideTheNewestAndIsWrittenOnce) {
  EXPECT_EQ(marks_.plan_durable().values.executions(), 0u);
  put(write_of(10, "a"));
  const auto ten = marks_.plan_durable();
  put(write_of(20, "b"));
  ASSERT_EQ(ten.values.executions(), 1u);
  CassandraReader row(std::string_view(ten.values.bytes()).substr(2));
  EXPECT_EQ(row.take_int(), 1);
  EXPECT_EQ(row.take_int(), kDurableMarks + kPartition.value);
  EXPECT_EQ(read_mark(row.take_bytes()).value(), (CassandraMark{Offset{10}, {10 << kVersionBits}, {}}));
  EXPECT_EQ(row.take_bigint(), kBase + 10);
  marks_.commit_durable(ten, 0);
  EXPECT_EQ(marks_.watermarks(), write_of(20, "b").watermarks);
  settle(0);
  EXPECT_EQ(marks_.plan_durable().values.executions(), 0u);
  marks_.commit_durable(ten, 0);
  EXPECT_EQ(marks_.plan_durable().values.executions(), 0u) << "an older one comes too late";
}

TEST_F(CassandraMarksDurable, OneIsOnDiskItselfWhenTheNextIsPlannedBehindIt) {
  put(write_of(10, "a"));
  settle(100);
  EXPECT_EQ(marks_.durable(kPartition), Offset{10});
  EXPECT_EQ(marks_.sure(kPartition), kNoOffset) << "acknowledged, and not synced yet";
  put(write_of(20, "b"));
  settle(200);
  EXPECT_EQ(marks_.durable(kPartition), Offset{20});
  EXPECT_EQ(marks_.sure(kPartition), Offset{10});
  settle(300);
  EXPECT_EQ(marks_.sure(kPartition), Offset{20}) << "also where nothing is to be written";
  marks_.doubt();
  EXPECT_EQ(marks_.sure(kPartition), kNoOffset);
}

TEST_F(CassandraMarksDurable, OneThatIsInTheStoreIsNotWrittenAgain) {
  const CassandraMark theirs{Offset{20}, {20 << kVersionBits}, {}};
  marks_.load(kPartition, theirs, {"theirs"}, {});
  EXPECT_EQ(marks_.plan_durable().values.executions(), 1u);
  marks_.load_durable(kPartition, theirs);
  EXPECT_EQ(marks_.plan_durable().values.executions(), 0u);
  marks_.load_durable(kPartition, {Offset{10}, {10 << kVersionBits}, {}});
  EXPECT_EQ(marks_.plan_durable().values.executions(), 0u) << "an older one is no news";
}

TEST_F(CassandraMarksDurable, OldVersionsAreDroppedWhenTheirDurableSuccessorsAreOld) {
  put(write_of(10, "a", {source(1, 1, 1)}));
  settle(100);
  put(write_of(20, "b", {source(1, 2, 2)}));
  EXPECT_EQ(marks_.take_obsolete(1'000, 10).executions(), 0u) << "the durable mark names the first versions";
  settle(200);
  put(write_of(25, "between"));
  put(write_of(30, "c"));
  settle(300);
  EXPECT_EQ(marks_.take_obsolete(200, 10).executions(), 0u) << "not yet, and the first versions had no forerunner";
  EXPECT_EQ(marks_.take_obsolete(201, 1).executions(), 1u) << "bounded";
  const auto drops = marks_.take_obsolete(1'000, 10);
  EXPECT_EQ(drops.executions(), 2u);
  EXPECT_EQ(marks_.take_obsolete(1'000, 10).executions(), 0u);
  // The last one: everything of piece 0 of the chains below the version of offset 30.
  CassandraReader last(std::string_view(drops.bytes()).substr(drops.bytes().size() - (12 + 4 * 8 + 12)));
  EXPECT_EQ(last.take_bigint(), kBase + 30);
  EXPECT_EQ(last.take_int(), 1);
  EXPECT_EQ(last.take_int(), kPartition.value);
  EXPECT_EQ(last.take_int(), 0);
  EXPECT_EQ(last.take_int(), 0);
  EXPECT_EQ(last.take_bigint(), 30 << kVersionBits);
}

}  // namespace
}  // namespace quipu
