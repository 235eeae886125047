#include "api/producer_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "api/replayer.h"
#include "log/memory_log.h"

namespace quipu {
namespace {

using Fate = MemoryLog::Fate;
using testing::ElementsAre;

constexpr HashSecret kSecret{3, 4};

/// A session over a log whose answers a test decides. Frame n holds one event of counter n.
class ProducerWorld {
 public:
  explicit ProducerWorld(ProducerOptions producer_options = {.frames_in_flight_max = 1}, std::uint16_t partitions = 1) {
    log_options.identity.generation = Generation{1};
    log_options.partitions = partitions;
    options = producer_options;
    options.writer = {7, 100};
    log = std::make_unique<MemoryLog>(log_options);
    log->automatic = false;
    session = std::make_unique<ProducerSession>(options, *log);
  }

  ProducerOptions options;
  MemoryLogOptions log_options;
  std::unique_ptr<MemoryLog> log;
  std::unique_ptr<ProducerSession> session;
  TimeMs now = 1'000'000;
  std::map<std::uint64_t, Result<Offset>> outcomes;

  static Bytes frame(const LogIdentity& identity, PartitionId partition, const std::string& counter,
                     std::size_t padding = 0) {
    FrameEncoder encoder;
    FrameHeader header;
    header.identity = identity;
    header.partition = partition;
    encoder.begin(header);
    Entry entry;
    entry.space = "default";
    entry.counter = counter;
    entry.delta = 1;
    encoder.add(entry);
    const std::string filler(1'000, 'x');
    for (; padding > 0; --padding) {
      entry.counter = filler;
      encoder.add(entry);
    }
    const auto bytes = encoder.finish();
    return {bytes.begin(), bytes.end()};
  }
  void offer(std::uint64_t tag, PartitionId partition = PartitionId{0}) {
    session->offer(partition, frame(log->identity(), partition, std::to_string(tag)), tag, now);
  }
  void step(std::int64_t later = 1) {
    now += later;
    std::vector<FrameOutcome> out;
    session->step(now, out);
    for (auto& outcome : out) {
      EXPECT_TRUE(outcomes.emplace(outcome.tag, outcome.offset).second) << outcome.tag << " has two outcomes";
    }
  }
  /// Steps until the log has something in flight.
  void until_sent() {
    for (int i = 0; i < 10'000 && log->in_flight() == 0; ++i) step();
    ASSERT_GT(log->in_flight(), 0U);
  }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> found;
    const auto read = log->read(PartitionId{0}, Offset{1}, 1 << 20);
    for (const auto& item : read->frames) found.push_back(decode_frame(read->frame(item))->header().number);
    return found;
  }
  std::vector<std::uint32_t> boots() const {
    std::vector<std::uint32_t> found;
    const auto read = log->read(PartitionId{0}, Offset{1}, 1 << 20);
    for (const auto& item : read->frames) found.push_back(decode_frame(read->frame(item))->header().writer.boot);
    return found;
  }
};

TEST(ProducerSession, SendsAFrameInTheStepInWhichItWasOffered) {
  ProducerWorld world;
  world.offer(1);
  EXPECT_TRUE(world.session->can_send(PartitionId{0}) == false);
  world.step(0);
  EXPECT_EQ(world.log->in_flight(), 1U);
  world.log->deliver(1);
  world.step();
  EXPECT_EQ(world.outcomes.at(1), Offset{1});
  EXPECT_TRUE(world.session->idle());
}

TEST(ProducerSession, KeepsOrderAndNumbersFromOne) {
  ProducerWorld world({.frames_in_flight_max = 2});
  for (std::uint64_t tag = 1; tag <= 5; ++tag) world.offer(tag);
  while (!world.session->idle()) {
    world.step();
    EXPECT_LE(world.log->in_flight(), 2U);
    world.log->deliver(2);
  }
  EXPECT_THAT(world.numbers(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(world.outcomes.at(5), Offset{5});
}

TEST(ProducerSession, SendsAFrameOfUnknownFateAgainUnderItsNumber) {
  ProducerWorld world;
  world.offer(1);
  world.offer(2);
  world.step();
  world.log->deliver(1, Fate::kWrittenUnknown);
  world.step();
  EXPECT_EQ(world.log->in_flight(), 0U);  // Not at once: the log has just failed.
  world.until_sent();
  world.log->deliver(1);
  world.until_sent();
  world.log->deliver(1);
  world.step();
  EXPECT_THAT(world.numbers(), ElementsAre(1, 1, 2));
  EXPECT_EQ(world.outcomes.at(1), Offset{2});
  Replayer replayer(*world.log, kSecret);
  ASSERT_TRUE(replayer.read_all()) << replayer.gap;
  EXPECT_EQ(replayer.total("1"), 1);
  EXPECT_EQ(replayer.total("2"), 1);
}

TEST(ProducerSession, SendsAllThatIsUnresolvedAgainInOrderWhenTheLogHasAnsweredAllOfIt) {
  ProducerWorld world({.frames_in_flight_max = 3});
  for (std::uint64_t tag = 1; tag <= 4; ++tag) world.offer(tag);
  world.step();
  ASSERT_EQ(world.log->in_flight(), 3U);
  world.log->deliver(1, Fate::kRefused);
  world.step(10'000);
  EXPECT_EQ(world.log->in_flight(), 2U);  // Two are still with the log: nothing is sent before they are answered.
  world.log->deliver(2, Fate::kLostUnknown);
  world.step();
  world.until_sent();
  EXPECT_EQ(world.log->in_flight(), 3U);
  world.log->deliver(3);
  world.until_sent();
  world.log->deliver(1);
  world.step();
  EXPECT_THAT(world.numbers(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(world.session->stats().frames_resent, 3U);
}

TEST(ProducerSession, WaitsLongerAfterEachFailure) {
  ProducerWorld world({.frames_in_flight_max = 1, .give_up_ms = 1'000'000, .resend_ms = 50, .resend_ms_max = 150});
  world.offer(1);
  std::vector<TimeMs> waits;
  for (int i = 0; i < 4; ++i) {
    const auto failed_at = world.now;
    world.until_sent();
    waits.push_back(world.now - failed_at);
    world.log->deliver(1, Fate::kRefused);
    world.step(0);
    EXPECT_GT(world.session->due(), world.now);
  }
  EXPECT_THAT(waits, ElementsAre(1, 50, 100, 150));
}

TEST(ProducerSession, GivesUpAsUnknownAndBeginsANewBoot) {
  ProducerWorld world({.frames_in_flight_max = 1, .give_up_ms = 5'000});
  world.offer(1);
  world.step();
  world.log->deliver(1);
  world.offer(2);
  world.step();
  world.now += 4'000;
  world.offer(3);  // Never sent: the one before it is with the log.
  world.step(2'000);
  ASSERT_TRUE(world.outcomes.contains(2));
  EXPECT_EQ(world.outcomes.at(2).error().code, Code::kUnknown);
  EXPECT_FALSE(world.outcomes.contains(3));
  EXPECT_EQ(world.log->in_flight(), 2U);
  world.log->deliver(1, Fate::kWrittenUnknown);  // So late that nobody waits for it.
  world.log->deliver(1);
  world.step();
  EXPECT_EQ(world.outcomes.at(3), Offset{3});
  EXPECT_THAT(world.numbers(), ElementsAre(1, 2, 1));
  EXPECT_THAT(world.boots(), ElementsAre(100, 100, 101));
}

TEST(ProducerSession, GivesUpAsBusyWhatIsSurelyNotInTheLog) {
  ProducerWorld world({.frames_in_flight_max = 1, .give_up_ms = 1'000});
  world.offer(1);
  for (int i = 0; i < 2'000 && world.outcomes.empty(); ++i) {
    world.step();
    world.log->deliver(1, Fate::kRefused);
  }
  ASSERT_TRUE(world.outcomes.contains(1));
  EXPECT_EQ(world.outcomes.at(1).error().code, Code::kBusy);
  EXPECT_GT(world.outcomes.at(1).error().retry_after_ms, 0);
  EXPECT_THAT(world.numbers(), ElementsAre());
}

TEST(ProducerSession, LetsNothingOfASourceOvertakeWhatWasGivenUp) {
  ProducerWorld world({.frames_in_flight_max = 1, .give_up_ms = 1'000});
  const auto offer = [&](std::uint64_t tag) {
    const PartitionId partition{0};
    world.session->offer(partition, ProducerWorld::frame(world.log->identity(), partition, std::to_string(tag)), tag,
                         world.now, true);
  };
  offer(1);
  world.until_sent();
  world.now += 500;
  offer(2);
  world.offer(3);
  world.step(500);
  EXPECT_EQ(world.outcomes.at(1).error().code, Code::kUnknown);
  EXPECT_EQ(world.outcomes.at(2).error().code, Code::kBusy);
  EXPECT_GT(world.outcomes.at(2).error().retry_after_ms, 0);
  EXPECT_FALSE(world.outcomes.contains(3));
  world.log->deliver(1, Fate::kLostUnknown);
  world.until_sent();
  world.log->deliver(1);
  world.step();
  EXPECT_TRUE(world.outcomes.at(3).has_value());
  EXPECT_TRUE(world.session->idle());
}

TEST(ProducerSession, LetsNothingOfASourceOvertakeWhatIsTooLarge) {
  ProducerWorld world({.frames_in_flight_max = 2, .give_up_ms = 1'000});
  world.log_options.group_bytes_max = 400;
  world.log = std::make_unique<MemoryLog>(world.log_options);
  world.session = std::make_unique<ProducerSession>(world.options, *world.log);
  const auto offer = [&](std::uint64_t tag, const std::string& counter) {
    const PartitionId partition{0};
    world.session->offer(partition, ProducerWorld::frame(world.log->identity(), partition, counter), tag, world.now,
                         true);
  };
  offer(1, "a");
  offer(2, std::string(500, 'b'));
  offer(3, "c");
  world.until_sent();
  world.log->deliver(1);
  world.step();
  EXPECT_TRUE(world.outcomes.at(1).has_value());
  EXPECT_EQ(world.outcomes.at(2).error().code, Code::kTooLarge);
  ASSERT_TRUE(world.outcomes.contains(3));
  EXPECT_EQ(world.outcomes.at(3).error().code, Code::kBusy);
}

TEST(ProducerSession, LosesNothingWhenTheLogsQueueIsFull) {
  ProducerWorld world;
  world.log_options.pending_bytes = 0;
  world.log = std::make_unique<MemoryLog>(world.log_options);
  world.session = std::make_unique<ProducerSession>(world.options, *world.log);
  world.offer(1);
  world.step();
  EXPECT_EQ(world.log->in_flight(), 0U);
  EXPECT_TRUE(world.outcomes.empty());
  world.step(world.options.give_up_ms);
  EXPECT_EQ(world.outcomes.at(1).error().code, Code::kBusy);
  EXPECT_EQ(world.session->stats().boots_begun, 0U);  // No number was given out.
}

TEST(ProducerSession, EndsAFrameThatIsTooLargeForTheLogAndGoesOn) {
  ProducerWorld world;
  world.log_options.group_bytes_max = 500;
  world.log = std::make_unique<MemoryLog>(world.log_options);
  world.session = std::make_unique<ProducerSession>(world.options, *world.log);
  world.session->offer(PartitionId{0}, ProducerWorld::frame(world.log->identity(), PartitionId{0}, "1", 1), 1,
                       world.now);
  world.offer(2);
  world.step();
  world.step();
  EXPECT_EQ(world.outcomes.at(1).error().code, Code::kTooLarge);
  EXPECT_EQ(world.outcomes.at(2), Offset{1});
  EXPECT_THAT(world.numbers(), ElementsAre(1));
}

TEST(ProducerSession, BeginsANewBootAfterALongSilence) {
  ProducerWorld world({.frames_in_flight_max = 1, .silence_ms = 60'000});
  world.log->automatic = true;
  world.offer(1);
  world.step();
  world.step(59'999);
  world.offer(2);
  world.step(0);
  world.step();
  world.step(60'000);
  world.offer(3);
  world.step(0);
  world.step();
  EXPECT_THAT(world.boots(), ElementsAre(100, 100, 101));
  EXPECT_THAT(world.numbers(), ElementsAre(1, 2, 1));
}

TEST(ProducerSession, EndsWhenItsBootsAreUsedUp) {
  ProducerWorld world({.boots = 2, .frames_in_flight_max = 1, .give_up_ms = 1'000});
  for (std::uint64_t tag = 1; tag <= 2; ++tag) {
    world.offer(tag);
    world.step();
    world.step(1'000);
  }
  EXPECT_FALSE(world.session->failure());
  world.offer(3);
  world.step();
  ASSERT_TRUE(world.session->failure());
  EXPECT_EQ(world.outcomes.at(3).error().code, Code::kBusy);
}

TEST(ProducerSession, SaysHowLongItTakesFromTheRateOfTheLog) {
  ProducerWorld world;
  const auto one = ProducerWorld::frame(world.log->identity(), PartitionId{0}, "1").size();
  for (std::uint64_t tag = 1; tag <= 2'000; ++tag) world.offer(tag);
  EXPECT_EQ(world.session->pending_bytes() + world.session->room_bytes(), world.options.pending_bytes_max);
  EXPECT_GE(world.session->pending_bytes(), 2'000 * one);
  for (int i = 0; i < 1'500; ++i) {  // One frame a millisecond, 1,000 a second.
    world.step();
    world.log->deliver(1);
  }
  EXPECT_NEAR(static_cast<double>(world.session->retry_after_ms(world.now)), 500, 50);
}

/// Frames of several partitions through a log that answers as it likes: what was acknowledged is there once, what was
/// refused is not there, what is unknown at most once, and no chain has a gap. With several frames in flight the log
/// fails all that it has with the first.
void expect_every_frame_counted_once(std::size_t in_flight_max) {
  constexpr std::uint16_t kPartitions = 3;
  std::map<Fate, int> fates;
  int given_up = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    ProducerWorld world(
        {.frames_in_flight_max = in_flight_max, .give_up_ms = 2'000, .resend_ms = 10, .resend_ms_max = 100},
        kPartitions);
    std::uint64_t tags = 0;
    Bytes late;
    const auto deliver = [&](bool faulty) {
      const auto draw = faulty ? random() % 6 : 0;
      const auto fate = draw == 1   ? Fate::kWrittenUnknown
                        : draw == 2 ? Fate::kLostUnknown
                        : draw == 3 ? Fate::kRefused
                                    : Fate::kAcknowledged;
      if (world.log->in_flight() > 0) ++fates[fate];
      world.log->deliver(1, fate);
      // Some of what was behind it may have been written before the failure; nothing is behind a frame that was not.
      if (in_flight_max > 1 && fate == Fate::kWrittenUnknown) {
        world.log->deliver(random() % (world.log->in_flight() + 1), Fate::kWrittenUnknown);
      }
      if (in_flight_max > 1 && fate != Fate::kAcknowledged)
        world.log->deliver(world.log->in_flight(), Fate::kLostUnknown);
    };
    for (int i = 0; i < 300; ++i) {
      switch (random() % 8) {
        case 0:
        case 1:
          world.offer(++tags, PartitionId{static_cast<std::uint16_t>(random() % kPartitions)});
          break;
        case 2:
          world.step(static_cast<std::int64_t>(random() % 400));
          break;
        case 3: {  // A copy of something that is in the log comes late.
          const PartitionId partition{static_cast<std::uint16_t>(random() % kPartitions)};
          const auto end = world.log->bounds(partition).end.value;
          if (end == 1) break;
          const auto read = world.log->read(partition, Offset{1 + random() % (end - 1)}, 1);
          late.assign(read->frame(read->frames[0]).begin(), read->frame(read->frames[0]).end());
          ASSERT_TRUE(world.log->submit(partition, late, std::uint64_t{1} << 50 | random()).has_value());
          break;
        }
        default:
          deliver(true);
          world.step(static_cast<std::int64_t>(random() % 4));
      }
    }
    for (int i = 0; i < 20'000 && !world.session->idle(); ++i) {
      deliver(false);
      world.step();
    }
    ASSERT_TRUE(world.session->idle());
    ASSERT_EQ(world.outcomes.size(), tags) << "seed " << seed;
    for (int i = 0; i < 100 && world.log->in_flight() > 0; ++i) deliver(false);
    Replayer replayer(*world.log, kSecret);
    ASSERT_TRUE(replayer.read_all()) << "seed " << seed << ": " << replayer.gap;
    for (const auto& [tag, outcome] : world.outcomes) {
      const auto total = replayer.total(std::to_string(tag));
      if (outcome) {
        ASSERT_EQ(total, 1) << "seed " << seed << ", acknowledged frame " << tag;
      } else if (outcome.error().code == Code::kBusy) {
        ASSERT_EQ(total, 0) << "seed " << seed << ", refused frame " << tag;
        ++given_up;
      } else {
        ASSERT_EQ(outcome.error().code, Code::kUnknown);
        ASSERT_LE(total, 1) << "seed " << seed << ", unknown frame " << tag;
        ++given_up;
      }
    }
  }
  EXPECT_EQ(fates.size(), 4U);
  EXPECT_GT(given_up, 0);
}

TEST(ProducerSession, CountsEveryFrameOnceWhateverTheLogAnswers) { expect_every_frame_counted_once(1); }

TEST(ProducerSession, CountsEveryFrameOnceWithSeveralInFlight) { expect_every_frame_counted_once(3); }

}  // namespace
}  // namespace quipu
