#include "worker/worker.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aggregate/aggregator.h"
#include "aggregate/base_windows.h"
#include "worker/worker_fixture.h"

namespace quipu::testing_worker {
namespace {

TEST_F(WorkerTest, StopsAtAFrameOfAnotherLog) {
  append(kFirst, {add("a")});
  log_.append(kFirst, make_frame(kFirst, {50, 1}, 2, {add("a")}, 1'000, test_identity(2)));
  append(kSecond, {add("b")});
  start();
  mark();
  expect_alarm("offset 2 holds a frame of another log, of generation 2");
  EXPECT_EQ(row(kSecond, "b")->total, 1) << "the other partition goes on";
}

TEST_F(WorkerTest, StopsAtAGapInAChain) {
  append(kFirst, {add("a")});
  ++numbers_[0];
  append(kFirst, {add("a")});
  start();
  mark();
  expect_alarm("frame 3 of node 50, boot 1 follows its frame 1");
  EXPECT_EQ(watermark(kFirst), kNoOffset) << "nothing more is written";
}

TEST_F(WorkerTest, StopsAtADamagedFrame) {
  append(kFirst, {add("a")});
  log_.frame(kFirst, Offset{1}).back() ^= std::byte{1};
  start();
  turns(10);
  expect_alarm("offset 1");
}

TEST_F(WorkerTest, SaysWhyTheStoreDoesNotAnswerAPartitionThatHasNothingToWriteYet) {
  append(kFirst, {add("a")});
  start();
  step();
  perform(StoreHandle::Fate::kLost);
  step();
  EXPECT_EQ(health(kFirst).state, State::kRestoring);
  EXPECT_EQ(health(kFirst).store_failure, "the store did not answer in time");
  for (int i = 0; i < 20 && health(kFirst).state == State::kRestoring; ++i) {
    perform();
    step();
  }
  EXPECT_EQ(health(kFirst).store_failure, "") << "where it begins is answered";
  for (int i = 0; i < 20 && health(kFirst).state != State::kParked; ++i) step();
  perform(StoreHandle::Fate::kLost);
  step();
  EXPECT_EQ(health(kFirst).state, State::kParked);
  EXPECT_EQ(health(kFirst).store_failure, "the store did not answer in time");
  flush();
  EXPECT_EQ(health(kFirst).store_failure, "");
  EXPECT_EQ(row(kFirst, "a")->total, 1);
}

TEST_F(WorkerTest, StopsWhereTheLogEndsBeforeWhatWasCounted) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.cut(kFirst, Offset{2});
  start();
  turns(20);
  EXPECT_EQ(health(kFirst).alarm, "") << "what is known of the end may be old for a while";
  turns(60);
  expect_alarm("ends before offset 2, but it was counted up to offset 3");
}

TEST_F(WorkerTest, BelievesAnEndThatWasAskedForSinceAndNoOther) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.cut(kFirst, Offset{2});
  start();
  process_->view.bounds_age = 1'000'000;  // Brokers do not answer: the end is from before the partition was taken over.
  turns(500);
  EXPECT_EQ(health(kFirst).alarm, "");
  process_->view.bounds_age = 1;
  turns(60);
  expect_alarm("ends before offset 2, but it was counted up to offset 3");
}

TEST_F(WorkerTest, StopsWhereFramesWereRemovedBeforeTheyWereRead) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  log_.trim(kFirst, Offset{3});
  start();
  turns(20);
  expect_alarm("begins at offset 3, but offset 1 is still needed: frames were removed before they were read");
}

TEST_F(WorkerTest, StopsWhereNothingSaysWhichIdsCameBefore) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.trim(kFirst, Offset{3});
  start();
  turns(20);
  expect_alarm("begins at offset 3, and no base says which ids came before it");
}

TEST_F(WorkerTest, BeginsAgainAtTheWatermarkWhereAnotherWorkerIsAhead) {
  options_.base_interval_ms = 10;
  append(kFirst, {add("a")});
  start();
  mark();
  auto slow = std::move(process_);  // It goes on later, and does not know of the others.
  for (int i = 0; i < 5; ++i) append(kFirst, {add("a")});
  start();
  turns(60);
  append(kFirst, {add("a")});
  turns(200);
  ASSERT_GT(log_.bounds(kFirst).begin, Offset{2});
  process_ = std::move(slow);
  append(kFirst, {add("a")});
  mark();
  EXPECT_EQ(health(kFirst).alarm, "");
  EXPECT_EQ(row(kFirst, "a")->total, 8);
  EXPECT_GE(process_->worker.stats().returns, 1u);
}

// Its first place was trimmed where the watermark had not moved, which once more would be an alarm.
TEST_F(WorkerTest, BeginsAgainWhereItReadOnAndAnotherWorkerIsAhead) {
  options_.base_interval_ms = 10;
  const auto until = [&](Offset counted, Offset begin) {
    for (int i = 0; i < 500 && (watermark(kFirst) < counted || log_.bounds(kFirst).begin < begin); ++i) turns(1);
    ASSERT_EQ(watermark(kFirst), counted);
    ASSERT_EQ(log_.bounds(kFirst).begin, begin);
  };
  append(kFirst, {with_id("a", 1)});
  start();
  until(Offset{1}, Offset{2});
  append(kFirst, {with_id("a", 2)});
  append(kFirst, {with_id("a", 3)});
  until(Offset{3}, Offset{2});  // The base at 3 is not in the store yet.
  auto ahead = std::move(process_);
  start();
  turns(1);  // Its question to the store is answered.
  std::swap(process_, ahead);
  until(Offset{3}, Offset{4});
  std::swap(process_, ahead);
  append(kFirst, {with_id("a", 4)});
  turns(8);
  ASSERT_EQ(health(kFirst).read, Offset{4});
  ASSERT_EQ(process_->worker.stats().returns, 1u);
  std::swap(process_, ahead);
  append(kFirst, {with_id("a", 5)});
  append(kFirst, {with_id("a", 6)});
  until(Offset{6}, Offset{7});
  std::swap(process_, ahead);
  append(kFirst, {with_id("a", 7)});
  mark();
  EXPECT_EQ(health(kFirst).alarm, "");
  EXPECT_EQ(process_->worker.stats().returns, 2u);
  EXPECT_EQ(row(kFirst, "a")->total, 7);
}

// The watermark stays while another worker, which is at the same place, makes bases and trims the log behind them.
TEST_F(WorkerTest, ANewerBaseAloneIsAPlaceToBeginAgainAt) {
  for (std::uint64_t id = 1; id <= 4; ++id) append(kFirst, {with_id("a", id)});
  start({kFirst});
  mark();
  const auto base = [&](std::uint64_t offset) {
    const Aggregator empty({Generation{1}, kFirst}, {.ids_max = options_.ids_max});
    BaseWindows windows(std::span(&empty, 1));
    while (!windows.copy(1 << 20)) continue;
    store_.write_base(kFirst, {Offset{offset}, windows.take()});
  };
  base(1);
  log_.trim(kFirst, Offset{5});
  start({kFirst});
  for (std::uint64_t returns = 0; returns < 3; ++returns) {
    for (int i = 0; i < 200 && process_->worker.stats().returns == returns; ++i) turns(1);
    ASSERT_EQ(process_->worker.stats().returns, returns + 1) << health(kFirst).alarm;
    base(returns + 2);
  }
  append(kFirst, {with_id("a", 5)});
  mark();
  EXPECT_EQ(health(kFirst).alarm, "");
  EXPECT_EQ(row(kFirst, "a")->total, 5);
}

}  // namespace
}  // namespace quipu::testing_worker
