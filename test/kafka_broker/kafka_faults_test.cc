#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <map>
#include <random>

#include "kafka/kafka_log.h"
#include "kafka_broker/kafka_world.h"
#include "kafka_broker/own_broker.h"

/// What a broker's faults do to the log. Each test has a broker of its own, that it kills and stops.
namespace quipu {
namespace {

using namespace testing_kafka;
using testing::AllOf;
using testing::HasSubstr;
using testing_log::sample_frame;
using Numbers = std::vector<std::uint64_t>;

class KafkaFaultsTest : public testing::Test {
 protected:
  void open() { log_ = open_log(options_); }
  void wait(const std::function<bool()>& done, const std::string& what) { wait_until(wakes_, done, what); }

  OwnBroker broker_;
  Wakes wakes_;
  KafkaOptions options_ = test_options(wakes_, broker_.address());
  std::unique_ptr<KafkaLog> log_;
};

/// Numbers frames of one partition and sends them until each is acknowledged: what was submitted and not acknowledged
/// goes again, in order and under the same numbers, before anything new.
class Resender {
 public:
  Resender(KafkaLog& log, std::uint16_t partition) : log_(log), partition_(partition) {}

  void submit_one() {
    if (again_.empty()) again_.push_back(++last_);
    while (!again_.empty()) {
      const auto number = again_.front();
      if (!log_.submit(PartitionId(partition_), sample_frame(partition_, number, 500), token(number))) return;
      under_way_.push_back(number);
      again_.pop_front();
    }
  }
  void completed(const LogCompletion& done) {
    ASSERT_FALSE(under_way_.empty());
    const auto number = under_way_.front();
    ASSERT_EQ(done.token, token(number)) << "not in the order of submission";
    under_way_.pop_front();
    if (done.offset) {
      EXPECT_TRUE(again_.empty()) << "frame " << number << " was acknowledged behind one that failed";
    } else {
      ++(done.offset.error().code == Code::kUnknown ? unknown_ : busy_);
      again_.push_back(number);
    }
  }
  /// Whether this completion is of its partition.
  bool owns(const LogCompletion& done) const { return done.token % 2 == partition_; }
  bool idle() const { return under_way_.empty() && again_.empty(); }

  std::uint64_t last_ = 0;
  std::deque<std::uint64_t> under_way_;
  std::deque<std::uint64_t> again_;
  int unknown_ = 0;
  int busy_ = 0;

 private:
  std::uint64_t token(std::uint64_t number) const { return number * 2 + partition_; }

  KafkaLog& log_;
  std::uint16_t partition_;
};

/// The numbers of a partition as an aggregator keeps them: one that is not above the last is a copy.
Numbers without_copies(const Numbers& all) {
  Numbers kept;
  for (const auto number : all) {
    if (kept.empty() || number > kept.back()) kept.push_back(number);
  }
  return kept;
}

Numbers up_to(std::uint64_t last) {
  Numbers all;
  for (std::uint64_t number = 1; number <= last; ++number) all.push_back(number);
  return all;
}

TEST_F(KafkaFaultsTest, EveryAcknowledgedFrameSurvivesThatTheBrokerIsKilledUnderLoad) {
  options_.delivery_timeout_ms = 10 * std::chrono::milliseconds(kPatience).count();  // Starting again may take long.
  open();
  std::map<std::uint64_t, Offset> acknowledged;
  std::uint64_t number = 0;
  std::vector<LogCompletion> done;
  const auto turn = [&] {
    const auto frame = sample_frame(0, number + 1, 2'000);
    if (log_->room_bytes() >= frame.size() && log_->submit(PartitionId(0), frame, number + 1)) ++number;
    log_->commit();
    log_->take_completions(done);
    for (const auto& each : done) {
      ASSERT_TRUE(each.offset) << each.offset.error().what;  // The client finds the broker again by itself.
      acknowledged[each.token] = *each.offset;
    }
    done.clear();
  };
  for (int kills = 0; kills < 2; ++kills) {
    const auto before = acknowledged.size();
    wait([&] { return turn(), acknowledged.size() >= before + 500; }, "500 more were acknowledged");
    broker_.kill();
    for (int i = 0; i < 200; ++i) turn();
    EXPECT_TRUE(log_->committing()) << "frames were under way without a broker";
    broker_.start();
  }
  wait([&] { return turn(), acknowledged.size() >= 1'500; }, "it went on after the second kill");
  wait([&] { return log_->take_completions(done), !log_->committing(); }, "all were answered");
  for (const auto& each : done) acknowledged[each.token] = *each.offset;
  EXPECT_EQ(acknowledged.size(), number);
  const auto all = numbers(*log_, wakes_, 0);
  EXPECT_EQ(all, up_to(number)) << "each once, in order, without a gap";
  for (const auto& [token, offset] : acknowledged) ASSERT_EQ(all.at(offset.value - 1), token);
  EXPECT_EQ(log_->stats().producers_rebuilt, 0u);
}

TEST_F(KafkaFaultsTest, AStoppedBrokerMakesOutcomesUnknownAndMayStillWriteThem) {
  options_.delivery_timeout_ms = 1'000;
  open();
  // A broker that has just begun may take longer than that for the first.
  do {
    send(*log_, 0, 1);
  } while (!take(*log_, wakes_, 1)[0].offset);
  const auto rebuilt = log_->stats().producers_rebuilt;
  broker_.pause();
  send(*log_, 0, 2);
  send(*log_, 0, 3);
  const auto done = take(*log_, wakes_, 2);
  broker_.resume();
  ASSERT_EQ(done.size(), 2u);
  for (const auto& each : done) {
    ASSERT_FALSE(each.offset);
    EXPECT_EQ(each.offset.error().code, Code::kUnknown);
    EXPECT_THAT(each.offset.error().what, HasSubstr("no acknowledgement within 1000 ms"));
  }
  EXPECT_EQ(log_->stats().producers_rebuilt, rebuilt + 1);
  EXPECT_FALSE(log_->committing());
  // Sent again in order, with the same numbers.
  std::vector<LogCompletion> again;
  do {
    send(*log_, 0, 2);
    send(*log_, 0, 3);
    again = take(*log_, wakes_, 2);
  } while (!again[0].offset || !again[1].offset);
  const auto all = numbers(*log_, wakes_, 0);
  EXPECT_GE(all.size(), 3u);
  EXPECT_EQ(without_copies(all), (Numbers{1, 2, 3}));
}

TEST_F(KafkaFaultsTest, SendingAgainInOrderLosesNothingHoweverOftenTheBrokerStops) {
  options_.delivery_timeout_ms = 700;
  open();
  Resender first(*log_, 0);
  Resender second(*log_, 1);
  std::vector<LogCompletion> done;
  std::uint64_t turns = 0;
  const auto turn = [&](bool more) {
    if (more && ++turns % 2 == 0) first.submit_one();
    if (more && turns % 3 == 0) second.submit_one();
    if (!more && !first.again_.empty()) first.submit_one();
    if (!more && !second.again_.empty()) second.submit_one();
    log_->commit();
    done.clear();
    log_->take_completions(done);
    for (const auto& each : done) (first.owns(each) ? first : second).completed(each);
  };
  std::mt19937_64 random(7);
  for (int stops = 0; stops < 6; ++stops) {
    for (int i = 0; i < 300; ++i) turn(true);
    broker_.pause();
    const auto rebuilt = log_->stats().producers_rebuilt;
    // Past the timeout, or well within it.
    if (random() % 3 != 0) {
      wait([&] { return turn(true), log_->stats().producers_rebuilt > rebuilt; }, "the client was left behind");
    } else {
      for (int i = 0; i < 5; ++i) turn(true);
    }
    broker_.resume();
  }
  wait([&] { return turn(false), first.idle() && second.idle(); }, "all were acknowledged");
  EXPECT_GT(first.unknown_ + second.unknown_, 0);
  EXPECT_EQ(without_copies(numbers(*log_, wakes_, 0)), up_to(first.last_));
  EXPECT_EQ(without_copies(numbers(*log_, wakes_, 1)), up_to(second.last_));
}

TEST_F(KafkaFaultsTest, WhileTheBrokerIsAwayTheQueueIsFullAndSaysWhenToComeAgain) {
  options_.pending_bytes = std::size_t{64} << 10;
  open();
  send(*log_, 0, 1);
  take(*log_, wakes_, 1);
  broker_.pause();
  std::uint64_t number = 1;
  const auto frame_bytes = sample_frame(0, 1, 4'000).size();
  while (log_->room_bytes() >= frame_bytes) send(*log_, 0, ++number, 4'000);
  EXPECT_LE(number, 17u);
  const auto refused = log_->submit(PartitionId(0), sample_frame(0, 99, 4'000), 99);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_GE(refused.error().retry_after_ms, 1);
  EXPECT_LE(refused.error().retry_after_ms, options_.delivery_timeout_ms);
  broker_.resume();
  EXPECT_EQ(take(*log_, wakes_, number - 1).size(), number - 1);
  EXPECT_GE(log_->room_bytes(), frame_bytes);
}

TEST_F(KafkaFaultsTest, ABrokerThatLostAcknowledgedFramesIsFound) {
  open();
  for (std::uint64_t number = 1; number <= 20; ++number) send(*log_, 0, number, 1'000);
  take(*log_, wakes_, 20);
  EXPECT_EQ(numbers(*log_, wakes_, 0).size(), 20u);
  broker_.kill();
  // As after a power cut: the file's newest bytes never reached the disk.
  const auto partition = broker_.data() + "/" + options_.topic + "-0/";
  const auto file = partition + "00000000000000000000.log";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  broker_.start();
  const auto error = read_error(*log_, wakes_, 0, Offset(21));
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what, AllOf(HasSubstr("partition 0"), HasSubstr("quipu log adopt")));
  EXPECT_EQ(numbers(*log_, wakes_, 1), Numbers{}) << "another partition goes on";
  // What were acknowledged now would never be counted.
  EXPECT_EQ(log_->room_bytes(), 0u);
  ASSERT_TRUE(log_->closed());
  EXPECT_EQ(log_->closed()->code, Code::kBusy);
  EXPECT_EQ(log_->closed()->what, error.what);
  const auto refused = log_->submit(PartitionId(1), sample_frame(1, 1), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  // Whoever starts anew knows it by the store.
  options_.known = log_->identity();
  open();
  log_->seek(PartitionId(0), Offset(21));
  EXPECT_EQ(read_error(*log_, wakes_, 0, Offset(21)).code, Code::kDamaged);
  // Also one that reads nothing.
  open();
  log_->known(PartitionId(0), Offset(21));
  wait([&] { return log_->closed().has_value(); }, "the log is closed");
}

TEST_F(KafkaFaultsTest, AnAcknowledgementThatGoesBackClosesTheLog) {
  options_.refresh_ms = 3'600'000;  // So that nothing else finds it.
  open();
  for (std::uint64_t number = 1; number <= 20; ++number) send(*log_, 0, number, 1'000);
  take(*log_, wakes_, 20);
  broker_.kill();
  const auto file = broker_.data() + "/" + options_.topic + "-0/00000000000000000000.log";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  broker_.start();
  // The broker refuses the sequence of a client that knew more than it does; the next client is taken, too far in
  // front.
  std::vector<LogCompletion> done;
  int taken = 0;
  wait(
      [&] {
        if (!log_->committing()) taken += log_->submit(PartitionId(0), sample_frame(0, 21, 1'000), 21) ? 1 : 0;
        log_->commit();
        log_->take_completions(done);
        return log_->closed().has_value();
      },
      "the log is closed");
  for (const auto& each : done) EXPECT_FALSE(each.offset) << "acknowledged at " << each.offset->value << " after 20";
  EXPECT_THAT(log_->closed()->what, AllOf(HasSubstr("partition 0"), HasSubstr("quipu log adopt")));
  EXPECT_GE(log_->stats().producers_rebuilt, 1u);
  EXPECT_GE(taken, 2);
}

}  // namespace
}  // namespace quipu
