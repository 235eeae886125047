#include "kafka/kafka_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>

#include "event/frame.h"
#include "kafka/kafka_reader.h"
#include "kafka/topic_growth.h"
#include "kafka_broker/kafka_world.h"

namespace quipu {
namespace {

using namespace testing_kafka;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing_log::sample_frame;
using Numbers = std::vector<std::uint64_t>;

constexpr PartitionId kFirst{0};

class KafkaLogTest : public testing::Test {
 protected:
  ~KafkaLogTest() override {
    log_.reset();
    if (remove_) administrator_.remove(options_.topic);
  }
  void open() { log_ = open_log(options_); }
  Error open_error() {
    const auto opened = KafkaLog::open(options_);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  /// Sends frames 1 to `count` to the first partition, and waits for their answers.
  void fill(std::uint64_t count, std::size_t extra = 0) {
    for (std::uint64_t number = 1; number <= count; ++number) send(*log_, 0, number, extra);
    for (const auto& done : take(*log_, wakes_, count)) ASSERT_TRUE(done.offset) << done.offset.error().what;
  }
  void wait(const std::function<bool()>& done, const std::string& what) { wait_until(wakes_, done, what); }

  Wakes wakes_;
  KafkaOptions options_ = test_options(wakes_);
  Administrator administrator_{options_.brokers};
  bool remove_ = true;
  std::unique_ptr<KafkaLog> log_;
};

TEST_F(KafkaLogTest, TheTopicsIdIsTheIdentityOfAllWhoOpenIt) {
  options_.generation = Generation(7);
  open();
  EXPECT_EQ(log_->identity().generation, Generation(7));
  EXPECT_NE(log_->identity().random, LogIdentity{}.random);
  const auto other = open_log(options_);
  EXPECT_EQ(other->identity(), log_->identity());
  options_.known = log_->identity();
  open();
  EXPECT_EQ(log_->identity(), *options_.known);
}

TEST_F(KafkaLogTest, AnotherTopicThanTheOneThatIsKnownIsRefused) {
  open();
  options_.known = log_->identity();
  options_.known->random[0] ^= std::byte{1};
  const auto error = open_error();
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what, AllOf(HasSubstr(options_.topic), HasSubstr("not the one"), HasSubstr("quipu log adopt")));
}

TEST_F(KafkaLogTest, ATopicThatIsKnownAndGoneIsNotMadeAnew) {
  remove_ = false;
  options_.known = testing_log::sample_identity();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto error = open_error();
    EXPECT_EQ(error.code, Code::kDamaged);
    EXPECT_THAT(error.what, AllOf(HasSubstr("is gone"), HasSubstr("quipu log adopt")));
  }
}

TEST_F(KafkaLogTest, ATopicThatIsDeletedAndMadeAnewIsFoundWhileRunning) {
  open();
  fill(5);
  administrator_.remove(options_.topic);
  administrator_.create(options_.topic, 3);
  wait([&] { return !log_->health(); }, "it was noticed");
  EXPECT_EQ(log_->health().error().code, Code::kDamaged);
  EXPECT_THAT(log_->health().error().what, AllOf(HasSubstr(options_.topic), HasSubstr("quipu log adopt")));
  EXPECT_EQ(log_->read(kFirst, Offset(6), 1'000).error().code, Code::kDamaged);
  EXPECT_EQ(log_->submit(kFirst, sample_frame(0, 6), 6).error().code, Code::kDamaged);
  EXPECT_EQ(log_->room_bytes(), 0u);
}

TEST_F(KafkaLogTest, ATopicThatIsDeletedIsFoundWhileRunning) {
  remove_ = false;
  open();
  fill(5);
  administrator_.remove(options_.topic);
  wait([&] { return !log_->health(); }, "it was noticed");
  EXPECT_THAT(log_->health().error().what, HasSubstr("is gone"));
}

TEST_F(KafkaLogTest, WhatIsUnderWayWhenTheTopicIsFoundGoneIsAnswered) {
  open();
  fill(1);
  administrator_.remove(options_.topic);
  administrator_.create(options_.topic, 3);
  std::vector<LogCompletion> done;
  std::uint64_t sent = 1;
  wait(
      [&] {
        if (log_->submit(kFirst, sample_frame(0, sent + 1), sent + 1)) ++sent;
        log_->commit();
        log_->take_completions(done);
        return !log_->health();
      },
      "it was noticed");
  wait([&] { return log_->take_completions(done), !log_->committing(); }, "all was answered");
  EXPECT_EQ(done.size(), sent - 1);
}

TEST_F(KafkaLogTest, SettingsThatCouldLoseEventsAreRefusedByName) {
  administrator_.create(
      options_.topic, 3,
      {{"retention.ms", "604800000"}, {"unclean.leader.election.enable", "true"}, {"cleanup.policy", "compact"}});
  const auto error = open_error();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what,
              AllOf(HasSubstr("retention.ms = 604800000"), HasSubstr("unclean.leader.election.enable = true"),
                    HasSubstr("cleanup.policy = compact")));
  options_.only_read = true;
  open();
  EXPECT_EQ(log_->bounds(kFirst).end, Offset(1)) << "who only reads may look";
}

TEST_F(KafkaLogTest, ASingleReplicaIsWarnedOf) {
  open();
  EXPECT_THAT(log_->stats().findings, Contains(AllOf(Field(&KafkaFinding::kind, KafkaFinding::Kind::kWeak),
                                                     Field(&KafkaFinding::what, HasSubstr("1 replica")))));
  EXPECT_THAT(log_->stats().findings, Each(Field(&KafkaFinding::kind, KafkaFinding::Kind::kWeak)));
}

TEST_F(KafkaLogTest, ASettingThatTurnsUnsafeStopsWritingUntilItIsSetRight) {
  std::mutex mutex;
  std::string said;
  options_.say = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    said += text + "\n";
  };
  open();
  fill(3);
  administrator_.set(options_.topic, "retention.ms", "1000000");
  wait([&] { return log_->room_bytes() == 0; }, "it was noticed");
  const auto error = log_->room_error();
  EXPECT_EQ(error.code, Code::kBusy);
  EXPECT_THAT(error.what, HasSubstr("retention.ms = 1000000"));
  wait(
      [&] {
        const std::lock_guard lock(mutex);
        return said.find("retention.ms = 1000000") != std::string::npos;
      },
      "it was said");
  EXPECT_EQ(log_->submit(kFirst, sample_frame(0, 4), 4).error().code, Code::kBusy);
  EXPECT_EQ(numbers(*log_, wakes_, 0), (Numbers{1, 2, 3})) << "what is there is counted on";
  administrator_.set(options_.topic, "retention.ms", "-1");
  wait([&] { return log_->room_bytes() > 0; }, "it was set right");
  send(*log_, 0, 4);
  EXPECT_TRUE(take(*log_, wakes_, 1)[0].offset);
  log_.reset();  // Nobody says anything more.
}

TEST_F(KafkaLogTest, AnEndBeforeWhatTheStoreHasCountedIsDamage) {
  open();
  fill(5);
  log_->seek(kFirst, Offset(9));  // By the store's word, frames up to 8 were there.
  const auto error = read_error(*log_, wakes_, 0, Offset(9));
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what,
              AllOf(HasSubstr("ends before offset 6"), HasSubstr("frames up to 8"), HasSubstr("quipu log adopt")));
  EXPECT_EQ(numbers(*log_, wakes_, 1), Numbers{}) << "another partition is not stopped by it";
}

TEST_F(KafkaLogTest, ABeginningBeyondWhatTheStoreHasCountedIsDamage) {
  open();
  fill(8);
  administrator_.remove_records(options_.topic, 0, 5);
  wait([&] { return log_->bounds(kFirst).begin == Offset(6); }, "the beginning was noticed");
  EXPECT_EQ(read_error(*log_, wakes_, 0, Offset(3)).code, Code::kRefused) << "for who has not begun at a watermark";
  log_->seek(kFirst, Offset(3));
  const auto error = read_error(*log_, wakes_, 0, Offset(3));
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what,
              AllOf(HasSubstr("begins with offset 6"), HasSubstr("offset 3"), HasSubstr("quipu log adopt")));
  log_->seek(kFirst, Offset(6));
  EXPECT_EQ(numbers(*log_, wakes_, 0, Offset(6)), (Numbers{6, 7, 8}));
}

TEST_F(KafkaLogTest, AReaderWhosePlaceIsTrimmedIsRefusedAndCanBeginAgain) {
  open();
  fill(8);
  EXPECT_EQ(numbers(*log_, wakes_, 0).size(), 8u);
  administrator_.remove_records(options_.topic, 0, 5);
  EXPECT_EQ(read_error(*log_, wakes_, 0, Offset(2)).code, Code::kRefused);
  EXPECT_EQ(numbers(*log_, wakes_, 0, Offset(6)), (Numbers{6, 7, 8}));
}

TEST_F(KafkaLogTest, SeesWhatAnotherWrites) {
  open();
  const auto reader = open_log(options_);
  fill(20);
  wait([&] { return reader->bounds(kFirst).end == Offset(21); }, "the other one saw the end");
  EXPECT_EQ(numbers(*reader, wakes_, 0).size(), 20u);
  log_->submit(kFirst, sample_frame(0, 21), 21).value();
  log_->commit();
  take(*log_, wakes_, 1);
  // At the end a read finds it, whether or not a round has.
  wait([&] { return !reader->read(kFirst, Offset(21), 1'000)->frames.empty(); }, "it was read");
}

TEST_F(KafkaLogTest, GoesBackAndForthAndPauses) {
  open();
  fill(10);
  EXPECT_EQ(numbers(*log_, wakes_, 0).size(), 10u);
  log_->seek(kFirst, Offset(4));
  EXPECT_EQ(numbers(*log_, wakes_, 0, Offset(4)), (Numbers{4, 5, 6, 7, 8, 9, 10}));
  log_->pause(kFirst, true);
  log_->seek(kFirst, Offset(1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(log_->read(kFirst, Offset(1), 1'000)->frames.empty());
    wakes_.wait();
  }
  log_->pause(kFirst, false);
  EXPECT_EQ(numbers(*log_, wakes_, 0).size(), 10u);
  log_->forget(kFirst);
  EXPECT_EQ(numbers(*log_, wakes_, 0).size(), 10u);
}

TEST_F(KafkaLogTest, AGapBetweenTwoOffsetsIsDamage) {
  open();
  fill(2);
  // A transaction ends with a mark that takes an offset and is no record.
  auto client = make_kafka_client(RD_KAFKA_PRODUCER, options_, {{"transactional.id", options_.topic}}, 0);
  ASSERT_TRUE(client) << client.error().what;
  constexpr int kMs = 30'000;
  ASSERT_EQ(rd_kafka_init_transactions(client->get(), kMs), nullptr);
  ASSERT_EQ(rd_kafka_begin_transaction(client->get()), nullptr);
  const KafkaTopicHandle topic(rd_kafka_topic_new(client->get(), options_.topic.c_str(), nullptr));
  auto frame = sample_frame(0, 3);
  ASSERT_EQ(rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY, frame.data(), frame.size(), nullptr, 0, nullptr), 0);
  ASSERT_EQ(rd_kafka_commit_transaction(client->get(), kMs), nullptr);
  wait([&] { return log_->bounds(kFirst).end == Offset(5); }, "the mark was written");
  send(*log_, 0, 4);
  take(*log_, wakes_, 1);
  Numbers all;
  Offset from{1};
  Error error;
  wait(
      [&] {
        const auto read = log_->read(kFirst, from, 1 << 20);
        if (!read) {
          error = read.error();
          return true;
        }
        for (const auto& item : read->frames) all.push_back(testing_log::number_of(read->frame(item)));
        from = read->next;
        return false;
      },
      "the gap was found");
  EXPECT_EQ(all, (Numbers{1, 2, 3})) << "what stands before it is handed out";
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what, AllOf(HasSubstr("partition 0"), HasSubstr("offset 5 follows 3")));
}

TEST_F(KafkaLogTest, FetchesNoMoreAheadThanItsBoundAndOneFetch) {
  options_.fetch_ahead_bytes = std::size_t{2} << 20;
  open();
  fill(128, 128 << 10);  // 16 MiB.
  auto settings = kafka_reader_settings(options_);
  settings.emplace_back("statistics.interval.ms", "100");
  const auto client = make_kafka_client(RD_KAFKA_CONSUMER, options_, settings, RD_KAFKA_EVENT_STATS);
  ASSERT_TRUE(client) << client.error().what;
  const KafkaTopicHandle topic(rd_kafka_topic_new(client->get(), options_.topic.c_str(), nullptr));
  ASSERT_EQ(rd_kafka_consume_start(topic.get(), 0, 0), 0);
  const KafkaQueue events(rd_kafka_queue_get_main(client->get()));
  std::size_t most = 0;
  int rounds_full = 0;
  wait(
      [&] {
        const KafkaEvent event(rd_kafka_queue_poll(events.get(), 1'000));
        if (!event || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_STATS) return false;
        const std::string text = rd_kafka_event_stats(event.get());
        constexpr std::string_view key = "\"fetchq_size\":";
        for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
          most = std::max<std::size_t>(most, std::stoull(text.substr(at + key.size())));
        }
        if (most >= options_.fetch_ahead_bytes) ++rounds_full;
        return rounds_full == 10;
      },
      "it had fetched as much as it may for a second");
  constexpr std::size_t kOneFetch = std::size_t{1} << 20;
  constexpr std::size_t kOneFrame = std::size_t{200} << 10;
  EXPECT_LE(most, options_.fetch_ahead_bytes + kOneFetch + kOneFrame);
  rd_kafka_consume_stop(topic.get(), 0);
}

TEST_F(KafkaLogTest, WhoOnlyReadsMakesAndWritesNothing) {
  options_.only_read = true;
  EXPECT_EQ(open_error().code, Code::kNotFound);
  options_.only_read = false;
  open();
  fill(3);
  options_.only_read = true;
  const auto reader = open_log(options_);
  EXPECT_EQ(reader->room_bytes(), 0u);
  EXPECT_EQ(reader->submit(kFirst, sample_frame(0, 4), 4).error().code, Code::kRefused);
  reader->allow_partition_trim(kFirst, Offset(3));
  EXPECT_EQ(numbers(*reader, wakes_, 0), (Numbers{1, 2, 3}));
}

TEST_F(KafkaLogTest, AGrownTopicKeepsWhatItHadAndTakesFramesInWhatIsNew) {
  open();
  fill(3);
  options_.known = log_->identity();
  ASSERT_TRUE(grow_topic(options_, 5));
  ASSERT_TRUE(grow_topic(options_, 5)) << "it has as many";
  ASSERT_TRUE(grow_topic(options_, 4)) << "it has more";
  std::vector<LogCompletion> none;
  wait([&] { return log_->take_completions(none), log_->partitions() == 5; }, "the added ones were seen");
  // The client that sends may learn of them by a frame that it can not send: busy, so surely not in the log.
  const auto taken = [&] {
    log_->take_completions(none);
    if (log_->room_bytes() < sample_frame(4, 1).size()) return false;  // It is being made anew.
    send(*log_, 4, 1);
    const auto done = take(*log_, wakes_, 1);
    if (!done[0].offset) {
      EXPECT_EQ(done[0].offset.error().code, Code::kBusy) << done[0].offset.error().what;
    }
    return done[0].offset.has_value();
  };
  wait(taken, "an added one takes a frame");
  EXPECT_EQ(numbers(*log_, wakes_, 4), Numbers{1});
  EXPECT_EQ(numbers(*log_, wakes_, 0), (Numbers{1, 2, 3}));
  EXPECT_EQ(open_log(options_)->partitions(), 5);
}

TEST_F(KafkaLogTest, NoOtherTopicIsGrownAndNoneThatIsNotThere) {
  open();
  options_.known = testing_log::sample_identity();
  EXPECT_EQ(grow_topic(options_, 5).error().code, Code::kDamaged);
  options_.known.reset();
  EXPECT_EQ(open_log(options_)->partitions(), 3) << "nothing was added";
  auto nowhere = options_;
  nowhere.topic += "-not-there";
  EXPECT_EQ(grow_topic(nowhere, 5).error().code, Code::kNotFound);
}

TEST_F(KafkaLogTest, SaysSinceWhenThereAreNoMorePartitions) {
  open();
  std::vector<LogCompletion> none;
  wait([&] { return log_->take_completions(none), log_->partitions_age_ms() < 60'000; }, "a round has asked");
  const auto before = std::chrono::steady_clock::now();
  administrator_.add_partitions(options_.topic, 6);
  const auto since = [&] {
    log_->take_completions(none);
    return std::chrono::steady_clock::now() - std::chrono::milliseconds(log_->partitions_age_ms());
  };
  std::uint16_t seen = 0;
  wait(
      [&] {
        const bool asked_since = since() > before + std::chrono::seconds(2);
        seen = log_->partitions();
        return asked_since;
      },
      "it was asked after they were added");
  EXPECT_EQ(seen, 6);
}

TEST_F(KafkaLogTest, TakesAndGivesBackTheLargestFrame) {
  open();
  EXPECT_EQ(log_->group_bytes_max(), kFrameBytesMax);
  const auto near = sample_frame(0, 1, kFrameBytesMax - 200'000);
  ASSERT_GT(near.size(), kFrameBytesMax / 10 * 9);
  ASSERT_LE(near.size(), kFrameBytesMax);
  ASSERT_TRUE(log_->submit(kFirst, near, 1));
  log_->commit();
  const auto done = take(*log_, wakes_, 1);
  ASSERT_TRUE(done[0].offset) << done[0].offset.error().what;
  EXPECT_EQ(numbers(*log_, wakes_, 0), Numbers{1});
}

TEST_F(KafkaLogTest, AFrameThatTheTopicDoesNotTakeIsTooLargeBeforeItIsSent) {
  administrator_.create(options_.topic, 3, {{"max.message.bytes", "10000"}, {"retention.ms", "-1"}});
  open();
  EXPECT_EQ(log_->submit(kFirst, sample_frame(0, 1, 12'000), 1).error().code, Code::kTooLarge);
  fill(1, 5'000);
}

TEST_F(KafkaLogTest, NothingOvertakesAFrameThatTheBrokerRefuses) {
  open();
  fill(1);
  administrator_.set(options_.topic, "max.message.bytes", "10000");
  wait(
      [&] {
        return std::ranges::any_of(log_->stats().findings, [](const KafkaFinding& finding) {
          return finding.what.find("max.message.bytes = 10000") != std::string::npos;
        });
      },
      "the broker had taken the setting");
  for (std::uint64_t number = 2; number <= 9; ++number) send(*log_, 0, number, number == 5 ? 20'000 : 10);
  const auto done = take(*log_, wakes_, 8);
  const auto failed = std::ranges::find_if(done, [](const LogCompletion& each) { return !each.offset; });
  ASSERT_NE(failed, done.end());
  EXPECT_LE(failed->token, 5u);
  EXPECT_TRUE(std::all_of(failed, done.end(), [](const LogCompletion& each) { return !each.offset; }));
  EXPECT_EQ(log_->stats().producers_rebuilt, 1u);
  // What is sent again goes behind what was acknowledged.
  Numbers expected;
  for (std::uint64_t number = 1; number < failed->token; ++number) expected.push_back(number);
  wait([&] { return log_->room_bytes() > 0; }, "a new client was allowed");
  send(*log_, 0, failed->token);
  ASSERT_TRUE(take(*log_, wakes_, 1)[0].offset);
  expected.push_back(failed->token);
  EXPECT_EQ(numbers(*log_, wakes_, 0), expected);
}

TEST_F(KafkaLogTest, MakingATopicThatTheClusterCanNotHoldSaysWhy) {
  remove_ = false;
  options_.replication = 3;
  const auto error = open_error();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, AllOf(HasSubstr("3 replicas"), HasSubstr(options_.topic)));
}

TEST_F(KafkaLogTest, WithoutABrokerOpeningEndsInTimeAndNamesIt) {
  remove_ = false;
  options_.brokers = "127.0.0.1:1";
  options_.start_timeout_ms = 200;
  options_.request_timeout_ms = 200;
  const auto error = open_error();
  EXPECT_EQ(error.code, Code::kTimeout);
  EXPECT_THAT(error.what, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace quipu
