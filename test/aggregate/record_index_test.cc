#include "aggregate/record_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace quipu {
namespace {

std::vector<RecordRef> with_tag(const RecordIndex& index, std::uint32_t tag) {
  std::vector<RecordRef> found;
  index.find(tag, [&](RecordRef record) {
    found.push_back(record);
    return false;
  });
  std::sort(found.begin(), found.end());
  return found;
}

TEST(RecordIndex, HoldsWhatAPlainMapHoldsWhateverIsPutInMovedAndTakenOut) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    RecordIndex index;
    std::multimap<std::uint32_t, RecordRef> model;
    RecordRef next = 0;
    // Few segments, and keys at both ends of each, so that probing goes over the end of a segment.
    const auto some_tag = [&] {
      const auto segment = static_cast<std::uint32_t>(random() % 3) * 511;
      const auto key = static_cast<std::uint32_t>(random() % 4 == 0 ? (1u << 22) - 1 - random() % 40 : random() % 4000);
      return segment << 22 | key;
    };
    for (int i = 0; i < 20'000; ++i) {
      if (random() % 5 < 3 || model.empty()) {
        const auto tag = some_tag();
        index.insert(tag, next);
        model.emplace(tag, next++);
      } else {
        const auto at = std::next(model.lower_bound(some_tag()), 0);
        if (at == model.end()) continue;
        if (random() % 3 == 0) {
          index.replace(at->first, at->second, next);
          at->second = next++;
        } else {
          index.erase(at->first, at->second);
          model.erase(at);
        }
      }
      ASSERT_EQ(index.size(), model.size());
      if (i % 500 != 0) continue;
      for (auto at = model.begin(); at != model.end(); at = model.upper_bound(at->first)) {
        std::vector<RecordRef> wanted;
        for (auto [each, end] = model.equal_range(at->first); each != end; ++each) wanted.push_back(each->second);
        std::sort(wanted.begin(), wanted.end());
        ASSERT_EQ(with_tag(index, at->first), wanted);
      }
    }
  }
}

TEST(RecordIndex, MovesNoMoreThanOneOfItsSegmentsForOneRecord) {
  std::mt19937 random(2);
  RecordIndex index;
  constexpr std::size_t kRecords = 500'000;
  std::size_t most = 0;
  std::size_t all = 0;
  for (std::size_t i = 0; i < kRecords; ++i) {
    const auto moved = index.insert(static_cast<std::uint32_t>(random()), static_cast<RecordRef>(i));
    most = std::max(most, moved);
    all += moved;
  }
  EXPECT_LT(most, 2 * kRecords / RecordIndex::kSegments);
  EXPECT_LT(all, 6 * kRecords) << "moves for each record, over all";
  EXPECT_LT(index.bytes(), kRecords * 105 / 10 + RecordIndex::kSegments * 32);
}

TEST(RecordIndex, MeetsEveryRecordInStretchesThoughItGrowsAndRecordsMove) {
  std::mt19937 random(3);
  RecordIndex index;
  std::map<RecordRef, std::uint32_t> from_the_start;
  RecordRef next = 0;
  for (; next < 30'000; ++next) {
    const auto tag = static_cast<std::uint32_t>(random());
    index.insert(tag, next);
    from_the_start[next] = tag;
  }
  std::set<std::uint32_t> met;
  std::map<RecordRef, std::uint32_t> tags = from_the_start;
  std::size_t most = 0;
  for (std::uint64_t cursor = 0; cursor < std::uint64_t{1} << 32;) {
    std::size_t size = 0;
    const auto end = index.stretch(cursor, [&](RecordRef record) {
      EXPECT_TRUE(met.insert(tags.at(record)).second) << "met twice";
      ++size;
    });
    ASSERT_GT(end, cursor);
    cursor = end;
    most = std::max(most, size);
    const auto tag = static_cast<std::uint32_t>(random());
    index.insert(tag, next);
    tags[next++] = tag;
    const auto moved = tags.begin();
    index.replace(moved->second, moved->first, next);
    tags[next++] = moved->second;
    tags.erase(moved);
  }
  for (const auto& [record, tag] : from_the_start) ASSERT_TRUE(met.contains(tag));
  EXPECT_LT(most, 200u);
}

}  // namespace
}  // namespace quipu
