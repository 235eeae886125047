#include "aggregate/source_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace quipu {
namespace {

constexpr PartitionId kPartition{2};

Hash128 source(std::uint64_t number) { return {number * 0x9e3779b97f4a7c15, number}; }

/// Sources worked out the plain way: the one with the smallest (offset, hash) is forgotten first.
class PlainSources {
 public:
  explicit PlainSources(std::size_t sources_max) : sources_max_(sources_max) {}

  bool advance(const Hash128& name, std::uint64_t sequence, Offset offset) {
    auto& [last, touched] = sources_[name];
    touched = offset;
    const bool fresh = sequence > last;
    last = std::max(last, sequence);
    while (sources_.size() > sources_max_) {
      auto oldest = sources_.begin();
      for (auto at = sources_.begin(); at != sources_.end(); ++at) {
        if (at->second.second < oldest->second.second) oldest = at;  // Of equal ones the first, by hash.
      }
      sources_.erase(oldest);
    }
    return fresh;
  }
  std::uint64_t last(const Hash128& name) const {
    const auto at = sources_.find(name);
    return at == sources_.end() ? 0 : at->second.first;
  }
  std::size_t size() const { return sources_.size(); }

 private:
  std::size_t sources_max_;
  std::map<Hash128, std::pair<std::uint64_t, Offset>> sources_;
};

/// What the store holds after the rows given to it.
using Stored = std::map<Hash128, SourceRow>;
void write(Stored& stored, const std::vector<SourceRow>& rows) {
  for (const SourceRow& row : rows) {
    EXPECT_EQ(row.partition, kPartition);
    if (row.forgotten) {
      stored.erase(row.source);
    } else {
      stored[row.source] = row;
    }
  }
}
SourceTable restored(const Stored& stored, std::size_t sources_max) {
  SourceTable table(kPartition, sources_max);
  for (const auto& [name, row] : stored) table.restore(row);
  return table;
}

TEST(SourceTable, CountsEachSequenceOnceAndOnlyUpwards) {
  SourceTable table(kPartition, 10);
  EXPECT_EQ(table.last(source(1)), 0u);
  EXPECT_TRUE(table.advance(source(1), 1, Offset{5}));
  EXPECT_FALSE(table.advance(source(1), 1, Offset{6}));
  EXPECT_TRUE(table.advance(source(1), 7, Offset{7}));
  EXPECT_FALSE(table.advance(source(1), 6, Offset{8}));
  EXPECT_EQ(table.last(source(1)), 7u);
  EXPECT_EQ(table.touched(source(1)), Offset{8});
  EXPECT_TRUE(table.advance(source(2), 1, Offset{9}));
}

TEST(SourceTable, ForgetsTheSourceThatWasSilentLongest) {
  SourceTable table(kPartition, 2);
  table.advance(source(1), 1, Offset{1});
  table.advance(source(2), 1, Offset{2});
  table.advance(source(1), 1, Offset{3});  // A repeat renews it, too.
  table.advance(source(3), 1, Offset{4});
  EXPECT_EQ(table.last(source(1)), 1u);
  EXPECT_EQ(table.last(source(2)), 0u);
  EXPECT_EQ(table.size(), 2u);
}

TEST(SourceTable, ForgetsTheSameSourcesAfterARestartAsWithoutOne) {
  // Also where many sources stand in one frame: nothing but the log may say which of them goes first.
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::size_t sources_max = 1 + random() % 30;
    const std::uint64_t names = sources_max * 2;
    SourceTable table(kPartition, sources_max);
    PlainSources plain(sources_max);
    Stored stored;
    for (std::uint64_t i = 1; i <= 2'000; ++i) {
      const auto name = source(random() % names);
      const auto sequence = plain.last(name) + random() % 3;
      const Offset offset{1 + i / 6};
      if (sequence == 0) continue;
      ASSERT_EQ(table.advance(name, sequence, offset), plain.advance(name, sequence, offset));
      if (random() % 40 == 0) {
        std::vector<SourceRow> rows;
        table.take_changes(rows);
        write(stored, rows);
        table = restored(stored, sources_max);
      }
      ASSERT_EQ(table.size(), plain.size());
      for (std::uint64_t n = 0; n < names; ++n) ASSERT_EQ(table.last(source(n)), plain.last(source(n))) << n;
    }
  }
}

TEST(SourceTable, GivesEveryChangeToTheStoreOnceAndAgainWhereTheStoreFailed) {
  std::mt19937_64 random(3);
  SourceTable table(kPartition, 20);
  Stored stored;
  for (std::uint64_t i = 1; i <= 3'000; ++i) {
    table.advance(source(random() % 60), i, Offset{i});
    if (random() % 10 != 0) continue;
    std::vector<SourceRow> rows;
    table.take_changes(rows);
    if (random() % 3 == 0) {
      // The write fails, after more has happened.
      for (int more = 0; more < 4; ++more) {
        ++i;
        table.advance(source(random() % 60), i, Offset{i});
      }
      table.changed_again(rows);
    } else {
      write(stored, rows);
    }
  }
  std::vector<SourceRow> rows;
  table.take_changes(rows);
  write(stored, rows);
  EXPECT_EQ(stored.size(), table.size());
  for (const auto& [name, row] : stored) {
    EXPECT_EQ(row.sequence, table.last(name));
    EXPECT_EQ(row.touched, table.touched(name));
  }
  rows.clear();
  table.take_changes(rows);
  EXPECT_TRUE(rows.empty());
}

TEST(SourceTable, TakesAFailedWriteOfItsOwnPartitionOnly) {
  SourceTable table(kPartition, 20);
  table.changed_again({{PartitionId{1}, source(1), 5, Offset{3}, false}});
  std::vector<SourceRow> rows;
  table.take_changes(rows);
  EXPECT_TRUE(rows.empty());
}

TEST(SourceTable, RemembersABoundedNumberOfPlacesOfASourceThatKeepsComing) {
  SourceTable table(kPartition, 3);
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    table.advance(source(2), i, Offset{i});
    if (i == 1) table.advance(source(1), 1, Offset{1});
  }
  EXPECT_EQ(table.last(source(1)), 1u) << "still among the last three";
  EXPECT_EQ(table.last(source(2)), 100'000u);
}

}  // namespace
}  // namespace quipu
