#include "contract/counter_store_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quipu::testing_contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = StoreCompletion::Kind;

/// What every CounterStore must do, whatever it is made of. A new store is done when it passes this suite.
class CounterStoreContract : public testing::TestWithParam<StoreUnderTest> {
 protected:
  CounterStore& store() { return bench_->store(); }
  void reopen() { bench_->reopen(); }

  /// Performs what was asked, which must be one request, and answers its completion.
  StoreCompletion only() {
    auto all = take_all(*bench_);
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? StoreCompletion{} : std::move(all.front());
  }
  void write(StoreWrite write) {
    store().write(std::move(write));
    const auto done = only();
    EXPECT_EQ(done.kind, Kind::kWrite);
    EXPECT_TRUE(done.result) << done.result.error().what;
  }
  RowBatch load(std::vector<CounterKey> keys) {
    store().load({1, std::move(keys)});
    auto done = only();
    EXPECT_EQ(done.kind, Kind::kLoad);
    EXPECT_TRUE(done.result) << done.result.error().what;
    return std::move(done.rows);
  }
  StoreCompletion scan(std::uint64_t from, std::size_t rows_max) {
    store().scan({2, from, rows_max});
    auto done = only();
    EXPECT_EQ(done.kind, Kind::kScan);
    EXPECT_TRUE(done.result) << done.result.error().what;
    return done;
  }
  Result<void> try_base(std::uint64_t offset, const std::string& windows) {
    const auto bytes = as_bytes(windows);
    store().write_base({Offset{offset}, Bytes(bytes.begin(), bytes.end())}, 7);
    const auto done = only();
    EXPECT_EQ(done.kind, Kind::kBase);
    EXPECT_EQ(done.token, 7u);
    return done.result;
  }
  void write_base(std::uint64_t offset, const std::string& windows) {
    const auto done = try_base(offset, windows);
    EXPECT_TRUE(done) << done.error().what;
  }
  /// `offset: windows` of the newest base at or below.
  std::string newest_base(std::uint64_t offset) {
    const auto base = store().newest_base(Offset{offset});
    EXPECT_TRUE(base) << base.error().what;
    if (!*base) return "none";
    return std::to_string((*base)->offset.value) + ": " + std::string(as_text((*base)->windows));
  }

  std::unique_ptr<StoreBench> bench_ = GetParam().make();
};

StoreWrite marks(std::vector<Watermark> watermarks, bool sync = false) {
  StoreWrite write;
  write.watermarks = std::move(watermarks);
  write.sync = sync;
  return write;
}

Watermark mark(std::uint16_t partition, std::uint64_t offset, std::string_view chains = "") {
  const auto bytes = as_bytes(chains);
  return {PartitionId{partition}, Offset{offset}, Bytes(bytes.begin(), bytes.end())};
}

TEST_P(CounterStoreContract, BeginsEmpty) {
  EXPECT_THAT(store().watermarks().value(), IsEmpty());
  EXPECT_THAT(store().sources().value(), IsEmpty());
  EXPECT_THAT(store().settings().value(), IsEmpty());
  EXPECT_EQ(newest_base(kOffsetMax), "none");
  EXPECT_EQ(store().oldest_base(), kNoOffset);
  EXPECT_EQ(store().durable_watermark(PartitionId{0}), kNoOffset);
  EXPECT_EQ(store().pending(), 0u);
  EXPECT_TRUE(load({{5, "views", "cats"}}).empty());
  const auto page = scan(0, 10);
  EXPECT_TRUE(page.rows.empty());
  EXPECT_EQ(page.next, std::nullopt);
}

TEST_P(CounterStoreContract, GivesRowsBackAsTheyWere) {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  const std::string longest(1024, '\xff');
  StoreWrite given;
  given.rows.add(0, "a", std::string(1, '\0'), shard(1, 0), {});
  given.rows.add(1, "views", "cats", shard(1, 7), {-5, 3, epoch_of(Generation{1}, Offset{9}), Offset{11}, 0});
  given.rows.add(
      kMax, std::string(63, 'z'), longest, shard(kGenerationMax, kPartitionsMax - 1),
      {INT64_MIN, kMax, epoch_of(Generation{kGenerationMax}, Offset{kOffsetMax}), Offset{kOffsetMax}, kRowSaturated});
  given.rows.add(kMax, std::string(63, 'z'), longest, shard(kGenerationMax, kPartitionsMax),
                 {INT64_MAX, 0, Epoch{}, Offset{1}, 0});
  const auto wanted = text_of(given.rows);
  write(std::move(given));
  EXPECT_EQ(text_of(scan(0, 100).rows), wanted);
  EXPECT_EQ(
      text_of(load({{0, "a", std::string(1, '\0')}, {1, "views", "cats"}, {kMax, std::string(63, 'z'), longest}})),
      wanted);
  reopen();
  EXPECT_EQ(text_of(scan(0, 100).rows), wanted);
}

TEST_P(CounterStoreContract, ALoadGivesAllShardsOfItsCountersAndNoOthers) {
  // One routing hash for all, and names that begin alike: what tells them apart are the names alone.
  const std::string shard_like("cats\0\0\0\1\0\0", 10);
  StoreWrite given;
  for (const auto& [space, counter] : std::vector<std::pair<std::string, std::string>>{
           {"v", "iewscats"}, {"views", "cat"}, {"views", "cats"}, {"views", "cats!"}, {"views", shard_like}}) {
    given.rows.add(9, space, counter, shard(1, 2), row(1, 1));
    given.rows.add(9, space, counter, shard(1, 3), row(2, 2));
    given.rows.add(9, space, counter, shard(2, 0), row(3, 3));
  }
  given.rows.add(8, "views", "cats", shard(1, 0), row(4, 4));
  write(std::move(given));
  RowBatch wanted;
  wanted.add(9, "views", "cats", shard(1, 2), row(1, 1));
  wanted.add(9, "views", "cats", shard(1, 3), row(2, 2));
  wanted.add(9, "views", "cats", shard(2, 0), row(3, 3));
  EXPECT_EQ(text_of(load({{9, "views", "cats"}})), text_of(wanted));
  EXPECT_EQ(load({{9, "views", "cats"}, {9, "views", "dogs"}, {9, "v", "iewscats"}}).size(), 6u);
  EXPECT_EQ(load({}).size(), 0u);
}

TEST_P(CounterStoreContract, ScansInPagesThatNeverCutACounter) {
  std::map<std::string, std::size_t> shards_of;
  StoreWrite given;
  for (std::uint64_t at = 0; at < 40; ++at) {
    const auto routing = at << 58 | (at * 0x9e3779b97f4a7c15 >> 6);
    for (int counter = 0; counter < static_cast<int>(at % 3) + 1; ++counter) {
      const auto shards = static_cast<std::uint16_t>(at % 4 + 1);
      // A routing hash follows from a name: no name has two.
      const auto name = static_cast<char>('a' + counter) + std::to_string(at);
      for (std::uint16_t partition = 0; partition < shards; ++partition) {
        given.rows.add(routing, "views", name, shard(1, partition), row(1, at + 1));
        ++shards_of[name];
      }
    }
  }
  const auto rows_in_all = given.rows.size();
  write(std::move(given));
  for (const std::size_t rows_max : {std::size_t{0}, std::size_t{1}, std::size_t{7}, rows_in_all, rows_in_all + 1}) {
    std::map<std::string, std::size_t> found;
    std::optional<std::uint64_t> from = 0;
    while (from) {
      const auto page = scan(*from, rows_max);
      ASSERT_FALSE(page.rows.empty());
      std::string before;
      std::map<std::uint64_t, std::size_t> of_routing;
      for (const auto& item : page.rows.items()) {
        const std::string counter(page.rows.counter(item));
        if (counter != before) {
          EXPECT_FALSE(found.contains(counter)) << "a counter's shards stand together, on one page";
        }
        ++found[counter];
        ++of_routing[item.routing];
        before = counter;
      }
      const auto last = page.rows.items().back().routing;
      EXPECT_LT(page.rows.size() - of_routing[last], std::max<std::size_t>(rows_max, 1)) << "no longer than it must be";
      if (page.next) {
        EXPECT_GT(*page.next, *from);
        EXPECT_EQ(text_of(scan(*from, rows_max).rows), text_of(page.rows)) << "a page is the same again";
      }
      from = page.next;
    }
    EXPECT_EQ(found, shards_of);
  }
}

TEST_P(CounterStoreContract, CompletesInOrderAndEachReadSeesTheWritesBeforeIt) {
  std::vector<std::uint64_t> wanted;
  for (std::uint64_t token = 1; token <= 300; token += 3) {
    StoreWrite given;
    given.token = token;
    given.rows.add(4, "views", "cats", shard(1, 0), row(static_cast<std::int64_t>(token), token));
    given.sync = token % 100 == 1;
    store().write(std::move(given));
    store().load({token + 1, {{4, "views", "cats"}}});
    store().scan({token + 2, 0, 10});
    for (std::uint64_t at = token; at < token + 3; ++at) wanted.push_back(at);
  }
  EXPECT_EQ(store().pending(), 300u);
  std::vector<std::uint64_t> order;
  for (const auto& done : take_all(*bench_)) {
    ASSERT_TRUE(done.result) << done.result.error().what;
    order.push_back(done.token);
    if (done.kind == Kind::kWrite) continue;
    ASSERT_EQ(done.rows.size(), 1u);
    const auto last_write = done.kind == Kind::kLoad ? done.token - 1 : done.token - 2;
    EXPECT_EQ(done.rows.items()[0].row.applied.value, last_write);
  }
  EXPECT_EQ(order, wanted);
  EXPECT_EQ(store().pending(), 0u);
}

TEST_P(CounterStoreContract, RepeatingAWriteChangesNothing) {
  StoreWrite given;
  given.rows.add(4, "views", "cats", shard(1, 0), row(10, 20));
  given.sources.push_back({PartitionId{1}, {1, 2}, 30, Offset{20}});
  given.watermarks.push_back(mark(0, 20, "chains"));
  given.settings.emplace_back("a", "b");
  write(given);
  const auto before = text_of(scan(0, 10).rows);
  write(given);
  EXPECT_EQ(text_of(scan(0, 10).rows), before);
  EXPECT_EQ(store().sources().value(), given.sources);
  EXPECT_EQ(store().watermarks().value(), given.watermarks);
  EXPECT_EQ(store().settings().value(), given.settings);
}

TEST_P(CounterStoreContract, KeepsTheLastSequenceOfASourceUntilItIsForgotten) {
  const SourceRow one{PartitionId{0}, {1, 0}, 5, Offset{50}};
  const SourceRow two{PartitionId{0}, {0, 1}, 6, Offset{60}};
  const SourceRow elsewhere{PartitionId{1}, {1, 0}, INT64_MAX, Offset{kOffsetMax}};
  StoreWrite given;
  given.sources = {one, two, elsewhere};
  write(std::move(given));
  EXPECT_THAT(store().sources().value(), testing::UnorderedElementsAre(one, two, elsewhere));
  auto newer = one;
  newer.sequence = 9;
  newer.touched = Offset{90};
  auto gone = two;
  gone.forgotten = true;
  StoreWrite next;
  next.sources = {newer, gone};
  write(std::move(next));
  reopen();
  EXPECT_THAT(store().sources().value(), testing::UnorderedElementsAre(newer, elsewhere));
}

TEST_P(CounterStoreContract, KeepsSettingsByName) {
  StoreWrite given;
  given.settings = {{"namespace/views", "ack=durable"}, {"", "no name"}, {"namespace/likes", ""}};
  write(std::move(given));
  StoreWrite next;
  next.settings = {{"namespace/views", "ack=memory"}};
  write(std::move(next));
  reopen();
  using Setting = std::pair<std::string, std::string>;
  EXPECT_THAT(store().settings().value(), ElementsAre(Setting{"", "no name"}, Setting{"namespace/likes", ""},
                                                      Setting{"namespace/views", "ack=memory"}));
}

TEST_P(CounterStoreContract, KeepsOneWatermarkAPartition) {
  write(marks({mark(0, 5, "x"), mark(513, 6, std::string(100'000, 'c'))}));
  write(marks({mark(0, 7, "")}));
  const std::vector<Watermark> wanted{mark(0, 7, ""), mark(513, 6, std::string(100'000, 'c'))};
  EXPECT_EQ(store().watermarks().value(), wanted);
  reopen();
  EXPECT_EQ(store().watermarks().value(), wanted);
}

TEST_P(CounterStoreContract, BelievesAWatermarkOnlyWhenASyncCoversIt) {
  write(marks({mark(0, 5), mark(1, 6)}));
  EXPECT_EQ(store().durable_watermark(PartitionId{0}), kNoOffset);
  write(marks({mark(0, 7)}, true));
  EXPECT_EQ(store().durable_watermark(PartitionId{0}), Offset{7});
  EXPECT_EQ(store().durable_watermark(PartitionId{1}), Offset{6}) << "a sync covers what was written before";
  write(marks({mark(1, 8)}));
  EXPECT_EQ(store().durable_watermark(PartitionId{1}), Offset{6});
  write_base(7, "");
  EXPECT_EQ(store().durable_watermark(PartitionId{1}), Offset{8}) << "a base holds everything before it";
  write(marks({mark(0, 9)}));
  reopen();
  EXPECT_EQ(store().durable_watermark(PartitionId{0}), Offset{9}) << "what is read at open is on the disk";
}

TEST_P(CounterStoreContract, GivesTheNewestBaseAtOrBelowAnOffset) {
  write_base(100, "hundred");
  write_base(200, "two hundred");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(newest_base(99), "none");
    EXPECT_EQ(newest_base(100), "100: hundred");
    EXPECT_EQ(newest_base(199), "100: hundred");
    EXPECT_EQ(newest_base(kOffsetMax), "200: two hundred");
    EXPECT_EQ(store().oldest_base(), Offset{100});
    reopen();
  }
}

TEST_P(CounterStoreContract, KeepsTheNewestTwoBases) {
  for (const std::uint64_t offset : {10, 20, 1'000'000, 30'000'000}) write_base(offset, std::to_string(offset));
  EXPECT_EQ(store().oldest_base(), Offset{1'000'000});
  EXPECT_EQ(newest_base(999'999), "none");
  EXPECT_EQ(newest_base(kOffsetMax), "30000000: 30000000");
}

TEST_P(CounterStoreContract, ABaseOfANewLogTakesThePlaceOfThoseAboveIt) {
  write_base(500, "old log");
  write_base(900, "old log");
  if (GetParam().refuses_older_bases) {
    const auto refused = try_base(600, "a zombie's");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kRefused);
    EXPECT_EQ(newest_base(kOffsetMax), "900: old log");
    return;
  }
  write_base(600, "new log");
  EXPECT_EQ(newest_base(kOffsetMax), "600: new log");
  EXPECT_EQ(store().oldest_base(), Offset{500});
  write_base(500, "new log too");
  EXPECT_EQ(newest_base(kOffsetMax), "500: new log too");
  reopen();
  EXPECT_EQ(newest_base(kOffsetMax), "500: new log too");
  EXPECT_EQ(store().oldest_base(), Offset{500});
}

TEST_P(CounterStoreContract, KeepsTheWindowsOfABaseByteByByte) {
  std::string windows(5'000'000, '\0');
  for (std::size_t i = 0; i < windows.size(); ++i) windows[i] = static_cast<char>(i * 31 >> 3);
  write_base(1, windows);
  reopen();
  EXPECT_EQ(newest_base(1), "1: " + windows);
}

INSTANTIATE_TEST_SUITE_P(Stores, CounterStoreContract, testing::ValuesIn(stores_under_test()),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace quipu::testing_contract
