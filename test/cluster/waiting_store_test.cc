#include "cluster/waiting_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "cluster/epoch_writer.h"
#include "event/frame.h"
#include "log/memory_log.h"
#include "store/memory_store.h"

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr HashSecret kSecret{1, 2};

/// A shard of a counter of namespace "views".
void add(RowBatch& rows, const std::string& counter, std::uint16_t partition, Row row) {
  rows.add(routing_hash(kSecret, "views", counter), "views", counter, {Generation{1}, PartitionId{partition}}, row);
}

class WaitingStoreTest : public testing::Test {
 protected:
  MemoryStore store_;
  Doorbell bell_;
  WaitingStore waiting_{store_, bell_};
};

TEST_F(WaitingStoreTest, GivesEveryRowOnceInPagesThatKeepACounterTogether) {
  RowBatch rows;
  for (int at = 0; at < 100; ++at) {
    for (std::uint16_t partition = 0; partition < 3; ++partition) {
      add(rows, "c" + std::to_string(at), partition, {at, 1, Epoch{}, Offset{1}, 0});
    }
  }
  ASSERT_TRUE(waiting_.write(rows, {{"name", "value"}}, true));
  EXPECT_EQ(store_.settings().value().size(), 1u);
  std::size_t pages = 0;
  std::map<std::string, int> shards;
  const auto scanned = waiting_.scan(10, [&](const RowBatch& page) -> Result<void> {
    ++pages;
    std::map<std::string, int> here;
    for (const auto& item : page.items()) ++here[std::string(page.counter(item))];
    for (const auto& [counter, count] : here) {
      EXPECT_EQ(count, 3) << counter << " is not whole";
      EXPECT_TRUE(shards.emplace(counter, count).second) << counter << " came twice";
    }
    return {};
  });
  ASSERT_TRUE(scanned);
  EXPECT_EQ(shards.size(), 100u);
  EXPECT_GT(pages, 5u);
}

TEST_F(WaitingStoreTest, GivesAWriteAgainWhereTheStoreIsBusyAndNotWhereItRefuses) {
  using Kind = StoreCompletion::Kind;
  store_.fail_next(Kind::kWrite, {Code::kBusy, "too much waits", 0});
  EXPECT_TRUE(waiting_.write({}, {{"name", "value"}}, false));
  EXPECT_EQ(store_.settings().value().at(0).second, "value");
  store_.fail_next(Kind::kWrite, {Code::kRefused, "no such right", 0});
  const auto refused = waiting_.write({}, {{"name", "other"}}, false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no such right"));
}

TEST_F(WaitingStoreTest, CountsHowOftenTheStoreMayHaveForgotten) {
  ASSERT_TRUE(waiting_.write({}, {{"name", "value"}}, true));
  EXPECT_EQ(waiting_.forgot(), 0u);
  store_.restart(0);
  ASSERT_TRUE(waiting_.write({}, {{"name", "value"}}, true));
  EXPECT_EQ(waiting_.forgot(), 1u);
}

TEST_F(WaitingStoreTest, EndsAScanWithTheFirstErrorOfWhoTakesThePages) {
  RowBatch rows;
  for (int at = 0; at < 100; ++at) add(rows, "c" + std::to_string(at), 0, {1, 1, Epoch{}, Offset{1}, 0});
  ASSERT_TRUE(waiting_.write(rows, {}, false));
  int pages = 0;
  const auto scanned = waiting_.scan(10, [&pages](const RowBatch&) -> Result<void> {
    ++pages;
    return failure(Code::kDamaged, "enough");
  });
  EXPECT_FALSE(scanned);
  EXPECT_EQ(pages, 1);
}

TEST_F(WaitingStoreTest, WaitsNoLongerWhenItIsInterrupted) {
  store_.hold(true);
  int looks = 0;
  WaitingStore waiting(store_, bell_, WaitingStore::kAnswerMsMax, [&looks] { return ++looks > 2; });
  const auto page = waiting.page(0, 10);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Code::kTimeout);
  EXPECT_THAT(page.error().what, HasSubstr("interrupted"));
  looks = 0;
  EXPECT_FALSE(waiting.write({}, {{"name", "value"}}, true));
}

/// The RESETs of a partition, as `counter epoch`, in their order.
std::vector<std::string> resets(MemoryLog& log, std::uint16_t partition) {
  std::vector<std::string> found;
  const auto read = log.read(PartitionId{partition}, Offset{1}, std::size_t{1} << 20);
  EXPECT_TRUE(read);
  for (const auto& item : read->frames) {
    const auto frame = decode_frame(ByteView(read->bytes).subspan(item.at, item.size));
    EXPECT_TRUE(frame);
    auto entries = frame->entries();
    for (Entry entry; entries.next(entry);) {
      EXPECT_EQ(entry.kind, EntryKind::kReset);
      found.push_back(std::string(entry.counter) + " " + std::to_string(entry.epoch.value));
    }
  }
  return found;
}

TEST_F(WaitingStoreTest, EveryPartitionOfANewLogIsToldOfTheNewestEpochOfEachCounter) {
  const auto epoch = [](std::uint64_t offset) { return epoch_of(Generation{1}, Offset{offset}); };
  RowBatch rows;
  add(rows, "reset", 0, {5, 1, epoch(10), Offset{11}, 0});
  add(rows, "reset", 1, {0, 0, epoch(20), Offset{12}, 0});
  add(rows, "never", 0, {5, 1, Epoch{}, Offset{11}, 0});
  ASSERT_TRUE(waiting_.write(rows, {}, false));
  MemoryLogOptions options;
  options.identity.generation = Generation{2};
  options.partitions = 3;
  MemoryLog log(options);
  const auto written = write_epochs(store_, log, bell_);
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_EQ(*written, 1u);
  for (std::uint16_t partition = 0; partition < 3; ++partition) {
    EXPECT_THAT(resets(log, partition), ElementsAre("reset " + std::to_string(epoch(20).value)));
  }
}

}  // namespace
}  // namespace quipu
