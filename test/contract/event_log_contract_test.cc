#include "contract/event_log_contract.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "log/log_samples.h"

/// What every EventLog must do, whatever it is made of. A new log is done when it passes this suite.
namespace quipu {
namespace {

using namespace testing_contract;
using namespace testing_log;

constexpr PartitionId kFirst{0};
constexpr PartitionId kSecond{1};

class EventLogContract : public testing::TestWithParam<LogUnderTest> {
 protected:
  EventLog& log() { return bench_->log(); }

  void submit(std::uint16_t partition, std::uint64_t number, std::size_t extra = 0) {
    const auto done = log().submit(PartitionId(partition), sample_frame(partition, number, extra), number);
    ASSERT_TRUE(done) << done.error().what;
  }

  /// Waits for everything that was committed.
  std::vector<LogCompletion> finish() {
    std::vector<LogCompletion> done;
    log().take_completions(done);
    while (log().committing()) {
      bench_->wait();
      log().take_completions(done);
    }
    return done;
  }

  std::vector<LogCompletion> commit() {
    log().commit();
    return finish();
  }

  /// A read that has waited for what it wants: frames, the end, or an error.
  Result<LogRead> read(PartitionId partition, Offset from, std::size_t bytes_max) {
    while (true) {
      auto read = log().read(partition, from, bytes_max);
      if (!read || !read->frames.empty() || from == log().bounds(partition).end) return read;
      bench_->wait();
    }
  }

  /// Everything from `from` on, in steps of `bytes_max`; the first error else.
  Result<std::vector<Said>> read_all(PartitionId partition, Offset from, std::size_t bytes_max = 64 << 10) {
    std::vector<Said> all;
    while (true) {
      auto step = read(partition, from, bytes_max);
      if (!step) return std::unexpected(step.error());
      for (const auto& item : step->frames) all.push_back({item.partition, item.offset, number_of(step->frame(item))});
      if (step->frames.empty()) return all;
      from = step->next;
    }
  }

  void expect_refused(Offset from) {
    const auto refused = read(kFirst, from, 1'000);
    ASSERT_FALSE(refused) << "of offset " << from.value;
    EXPECT_EQ(refused.error().code, Code::kRefused) << refused.error().what;
  }

  std::vector<std::uint64_t> numbers(PartitionId partition) {
    const auto read = read_all(partition, log().bounds(partition).begin);
    EXPECT_TRUE(read) << read.error().what;
    std::vector<std::uint64_t> all;
    for (const auto& said : *read) all.push_back(said.number);
    return all;
  }

  std::unique_ptr<LogBench> bench_ = GetParam().make();
};

TEST_P(EventLogContract, IsEmptyAtFirstAndBeginsWithOffset1) {
  EXPECT_EQ(log().identity(), bench_->identity());
  EXPECT_EQ(log().partitions(), 3);
  EXPECT_EQ(log().bounds(kFirst).begin, Offset(1));
  EXPECT_EQ(log().bounds(kFirst).end, Offset(1));
  const auto read = log().read(kFirst, Offset(1), 1'000);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->frames.empty());
  EXPECT_EQ(read->next, Offset(1));
  submit(0, 7);
  EXPECT_EQ(*commit().at(0).offset, Offset(1));
}

TEST_P(EventLogContract, GivesBackTheSameFramesInTheSameOrder) {
  for (std::uint64_t i = 1; i <= 30; ++i) submit(i % 3, i, i * 10);
  EXPECT_EQ(commit().size(), 30u);
  for (std::uint16_t p = 0; p < 3; ++p) {
    std::uint64_t number = p == 0 ? 3 : p;
    for (auto from = Offset(1); from != log().bounds(PartitionId(p)).end;) {
      const auto step = read(PartitionId(p), from, 1 << 20);
      ASSERT_TRUE(step) << step.error().what;
      for (const auto& item : step->frames) {
        const auto expected = sample_frame(p, number, number * 10);
        EXPECT_TRUE(std::ranges::equal(step->frame(item), expected));
        EXPECT_EQ(item.partition, PartitionId(p));
        number += 3;
      }
      from = step->next;
    }
    EXPECT_EQ(number, (p == 0 ? 33u : p + 30u));
  }
}

TEST_P(EventLogContract, CompletesInTheOrderOfSubmissionWithOffsetsThatRise) {
  std::map<std::uint64_t, Offset> last;
  std::uint64_t number = 0;
  const bool ordered = log().commits_atomically();  // Others keep the order within each partition.
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) {
      ++number;
      submit(number % 3, number);
    }
    const auto done = commit();
    ASSERT_EQ(done.size(), 20u);
    std::map<std::uint64_t, std::uint64_t> last_token;
    for (std::size_t i = 0; i < done.size(); ++i) {
      EXPECT_TRUE(!ordered || done[i].token == number - 19 + i) << done[i].token;
      EXPECT_GT(done[i].token, std::max(number - 20, last_token[done[i].token % 3]));
      last_token[done[i].token % 3] = done[i].token;
      ASSERT_TRUE(done[i].offset) << done[i].offset.error().what;
      EXPECT_GT(*done[i].offset, last[done[i].token % 3]);
      last[done[i].token % 3] = *done[i].offset;
    }
  }
}

TEST_P(EventLogContract, CompletedOffsetsAreTheOnesReserved) {
  if (!log().reserve(kFirst)) return;  // This log learns them with the acknowledgement.
  submit(0, 1);
  std::vector<Offset> reserved{Offset(1)};
  for (std::uint64_t i = 2; i <= 10; ++i) reserved.push_back(*log().reserve(PartitionId(i % 3)));
  for (std::uint64_t i = 2; i <= 10; ++i) submit(i % 3, i);
  const auto done = commit();
  ASSERT_EQ(done.size(), reserved.size());
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(*done[i].offset, reserved[i]);
}

TEST_P(EventLogContract, NeitherCompletesNorShowsWhatIsNotCommitted) {
  submit(0, 1);
  EXPECT_FALSE(log().committing());
  EXPECT_TRUE(finish().empty());
  EXPECT_TRUE(numbers(kFirst).empty());
  EXPECT_EQ(log().bounds(kFirst).end, Offset(1));
  EXPECT_EQ(commit().size(), 1u);
  EXPECT_EQ(numbers(kFirst), std::vector<std::uint64_t>{1});
}

TEST_P(EventLogContract, TakesMoreWhileItCommits) {
  submit(0, 1);
  log().commit();
  EXPECT_TRUE(log().committing());
  submit(0, 2);
  submit(1, 3);
  EXPECT_EQ(finish().size(), 1u) << "what came after the commit waits for the next";
  EXPECT_EQ(numbers(kFirst), std::vector<std::uint64_t>{1});
  EXPECT_EQ(commit().size(), 2u);
  EXPECT_EQ(numbers(kFirst), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(numbers(kSecond), std::vector<std::uint64_t>{3});
}

TEST_P(EventLogContract, ACommitDuringACommitIsNotForgotten) {
  submit(0, 1);
  log().commit();
  submit(0, 2);
  log().commit();
  submit(0, 3);
  const auto done = finish();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[1].token, 2u);
  EXPECT_EQ(commit().size(), 1u);
  EXPECT_EQ(numbers(kFirst), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_P(EventLogContract, AnEmptyCommitDoesNothing) {
  EXPECT_TRUE(commit().empty());
  submit(0, 1);
  EXPECT_EQ(commit().size(), 1u);
  EXPECT_TRUE(commit().empty());
  EXPECT_FALSE(log().committing());
}

TEST_P(EventLogContract, ReadsFromAnyOffsetInStepsOfAnySize) {
  for (std::uint64_t i = 1; i <= 60; ++i) {
    submit(i % 2, i, 100);
    if (i % 7 == 0) commit();
  }
  commit();
  for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{500}, std::size_t{1} << 20}) {
    const auto all = read_all(kSecond, Offset(1), bytes_max);
    ASSERT_TRUE(all) << all.error().what;
    ASSERT_EQ(all->size(), 30u);
    for (std::size_t from = 0; from < all->size(); ++from) {
      const auto rest = read_all(kSecond, (*all)[from].offset, bytes_max);
      ASSERT_TRUE(rest) << rest.error().what;
      EXPECT_EQ(*rest, std::vector<Said>(all->begin() + static_cast<std::ptrdiff_t>(from), all->end()));
    }
  }
  // At least one, and not more than what was committed with it.
  const auto least = read(kSecond, Offset(1), 0);
  ASSERT_TRUE(least) << least.error().what;
  EXPECT_GE(least->frames.size(), 1u);
  EXPECT_LE(least->frames.size(), 4u);
}

TEST_P(EventLogContract, ReadingAtTheEndIsEmptyAndBeyondItIsRefused) {
  submit(0, 1);
  commit();
  const auto end = log().bounds(kFirst).end;
  EXPECT_EQ(end, Offset(2));
  const auto at_end = log().read(kFirst, end, 1'000);
  ASSERT_TRUE(at_end);
  EXPECT_TRUE(at_end->frames.empty());
  EXPECT_EQ(at_end->next, end);
  expect_refused(Offset(end.value + 1));
  expect_refused(Offset(0));
}

TEST_P(EventLogContract, RefusesBytesThatAreNoFrameOfThePartition) {
  const auto refused = [&](std::uint16_t partition, const Bytes& bytes) {
    const auto done = log().submit(PartitionId(partition), bytes, 1);
    return !done && done.error().code == Code::kRefused;
  };
  auto frame = sample_frame(0, 1);
  EXPECT_TRUE(refused(1, frame)) << "of another partition";
  EXPECT_TRUE(refused(3, sample_frame(3, 1))) << "of a partition that the log does not have";
  EXPECT_TRUE(refused(0, {}));
  frame.push_back(std::byte{0});
  EXPECT_TRUE(refused(0, frame)) << "of another length";
  EXPECT_TRUE(commit().empty());
}

TEST_P(EventLogContract, RefusesAFrameThatNoCommitCanHold) {
  const auto done = log().submit(kFirst, sample_frame(0, 1, log().group_bytes_max() + 1), 1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kTooLarge);
}

TEST_P(EventLogContract, SaysWhenThereIsNoRoomAndWhenToComeAgain) {
  const auto room = log().room_bytes();
  EXPECT_GT(room, 0u);
  EXPECT_LE(room, 256u << 10);
  std::uint64_t number = 0;
  const auto frame_bytes = sample_frame(0, 1, 9'000).size();
  while (log().room_bytes() >= frame_bytes) submit(0, ++number, 9'000);
  EXPECT_GE(number, 20u);
  const auto error = log().room_error();
  EXPECT_EQ(error.code, Code::kBusy);
  EXPECT_GE(error.retry_after_ms, 1);
  EXPECT_EQ(commit().size(), number);
  EXPECT_GE(log().room_bytes(), frame_bytes) << "there is room again when the disk has it";
  submit(0, ++number, 9'000);
  EXPECT_EQ(commit().size(), 1u);
  EXPECT_EQ(numbers(kFirst).size(), number);
}

TEST_P(EventLogContract, ForgetsWhatMayBeTrimmedAndSaysSo) {
  std::uint64_t number = 0;
  for (int round = 0; round < 12; ++round) {  // More than one segment.
    for (int i = 0; i < 10; ++i) submit(0, ++number, 9'000);
    commit();
  }
  log().allow_trim(Offset(101));
  log().allow_partition_trim(kFirst, Offset(101));
  finish();
  while (log().bounds(kFirst).begin == Offset(1)) bench_->wait();
  const auto begin = log().bounds(kFirst).begin;
  EXPECT_GT(begin, Offset(1));
  EXPECT_LE(begin, Offset(101));
  expect_refused(Offset(begin.value - 1));
  const auto kept = numbers(kFirst);
  EXPECT_EQ(kept.front(), begin.value);
  EXPECT_EQ(kept.back(), number);
  bench_->reopen();
  EXPECT_EQ(log().bounds(kFirst).end, Offset(number + 1));
  EXPECT_LE(log().bounds(kFirst).begin, Offset(101));
}

TEST_P(EventLogContract, KeepsEverythingAcknowledgedWhenItIsOpenedAgain) {
  std::mt19937_64 random(5);
  std::map<std::uint16_t, std::vector<std::uint64_t>> expected;
  std::uint64_t number = 0;
  for (int round = 0; round < 40; ++round) {
    for (auto count = random() % 6; count > 0; --count) {
      const auto partition = static_cast<std::uint16_t>(random() % 3);
      submit(partition, ++number, random() % 10 == 0 ? random() % 20'000 : 10);
      expected[partition].push_back(number);
    }
    for (const auto& done : commit()) ASSERT_TRUE(done.offset);
    if (round % 8 == 0) {
      const auto end = log().bounds(kFirst).end;
      bench_->reopen();
      EXPECT_EQ(log().bounds(kFirst).end, end);
    }
    if (round % 10 == 0) {
      for (const auto& [partition, numbers_of] : expected) EXPECT_EQ(numbers(PartitionId(partition)), numbers_of);
    }
  }
  bench_->reopen();
  for (const auto& [partition, numbers_of] : expected) EXPECT_EQ(numbers(PartitionId(partition)), numbers_of);
}

INSTANTIATE_TEST_SUITE_P(Logs, EventLogContract, testing::ValuesIn(logs_under_test()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace quipu
