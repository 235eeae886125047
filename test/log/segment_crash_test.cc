#include <gtest/gtest.h>

#include <random>

#include "log/segment_world.h"

/// Thousands of short random lives: what was completed is there, in order, nothing twice, whatever ended the life.
namespace quipu {
namespace {

using namespace testing_log;

/// One log through many lives, against a list of what it must hold.
class Lives {
 public:
  explicit Lives(std::uint64_t seed) : random_(seed) {
    world_.disk.automatic = false;
    world_.options.tail_bytes = random_() % 2 == 0 ? 0 : 8 << 10;
    world_.options.retain_bytes = random_() % 3 * kSegmentBytesMin;
    world_.options.retain_ms = 1'000'000;
    if (random_() % 4 == 0) world_.disk.capacity_bytes = 4 * kSegmentBytesMin;
  }

  void run(int lives) {
    for (int life = 0; life < lives && !testing::Test::HasFatalFailure(); ++life) {
      open();
      if (testing::Test::HasFatalFailure()) return;
      for (auto steps = random_() % 60; steps > 0 && !testing::Test::HasFatalFailure(); --steps) step();
      end();
    }
  }

  int torn() const { return torn_; }
  int kept_unacknowledged() const { return kept_unacknowledged_; }
  int rolled() const { return rolled_; }

 private:
  void open() {
    world_.options.known_durable = Offset(completed_);
    const auto error = world_.open();
    ASSERT_EQ(error, "");
    const auto end = world_.log->bounds({}).end.value - 1;
    // The group under way is there as a whole or not at all.
    ASSERT_TRUE(end == completed_ || end == under_way_) << end << " of " << completed_ << " or " << under_way_;
    if (world_.log->cut()) ++torn_;
    if (end > completed_) ++kept_unacknowledged_;
    held_.resize(end);
    completed_ = under_way_ = end;
    check();
  }

  void check() {
    const auto begin = world_.log->bounds({}).begin;
    ASSERT_LE(begin.value, std::max<std::uint64_t>(1, trimmed_below_));
    const auto all = read_all(*world_.log, std::nullopt, begin, random_() % 20'000);
    ASSERT_TRUE(all) << all.error().what;
    ASSERT_EQ(all->size(), completed_ + 1 - begin.value);
    for (const auto& said : *all) ASSERT_EQ(said.number, held_[said.offset.value - 1]) << said.offset.value;
  }

  void step() {
    world_.now += static_cast<TimeMs>(random_() % 500);
    world_.log->tick(world_.now);
    switch (random_() % 10) {
      case 0:
      case 1:
      case 2:
        submit();
        break;
      case 3:
      case 4:
        world_.log->commit();
        break;
      case 5:
      case 6:
        world_.disk.finish_write();
        take();
        break;
      case 7:
        world_.disk.finish_create();
        take();
        break;
      case 8:
        if (random_() % 4 == 0 && completed_ > 0) {
          trimmed_below_ = std::max(trimmed_below_, 1 + random_() % completed_);
          world_.log->allow_trim(Offset(trimmed_below_));
        }
        world_.disk.finish_remove();
        take();
        break;
      default:
        if (random_() % 8 == 0) check();
    }
  }

  void submit() {
    if (world_.disk.writing() && random_() % 2 == 0) return;
    const auto extra = random_() % 5 == 0 ? random_() % 30'000 : random_() % 600;
    const auto partition = static_cast<std::uint16_t>(random_() % 4);
    const auto frame = sample_frame(partition, ++number_, extra);
    if (frame.size() > world_.log->room_bytes()) return;
    ASSERT_TRUE(world_.log->submit(PartitionId(partition), frame, number_));
    held_.push_back(number_);
  }

  void take() {
    std::vector<LogCompletion> done;
    world_.log->take_completions(done);
    for (const auto& one : done) {
      ASSERT_TRUE(one.offset) << one.offset.error().what;
      ASSERT_EQ(one.offset->value, completed_ + 1);
      ASSERT_EQ(one.token, held_[completed_]);
      ++completed_;
    }
  }

  void end() {
    // How many frames the group under way has, if there is one.
    under_way_ = completed_;
    if (world_.disk.writing()) under_way_ = completed_ + frames_under_way();
    rolled_ += world_.log->stats().segments_begun > 1 ? 1 : 0;
    if (random_() % 2 == 0) {
      world_.disk.kill(random_);
    } else {
      world_.disk.cut_power(random_);
    }
    world_.log.reset();
  }

  /// As its header says. The disk has the write's bytes; finishing a copy of it shows them.
  std::uint64_t frames_under_way() {
    auto copy = world_.disk;
    copy.finish_write();
    auto opened = SegmentLog::open(copy, world_.options, world_.now);
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? (*opened)->bounds({}).end.value - 1 - completed_ : 0;
  }

  SegmentWorld world_;
  std::mt19937_64 random_;
  std::vector<std::uint64_t> held_;  ///< What the frame at offset i + 1 says.
  std::uint64_t number_ = 0;
  std::uint64_t completed_ = 0;  ///< Offsets up to here were completed.
  std::uint64_t under_way_ = 0;  ///< Or may be there up to here.
  std::uint64_t trimmed_below_ = 0;
  int torn_ = 0;
  int kept_unacknowledged_ = 0;
  int rolled_ = 0;
};

TEST(SegmentCrash, LosesNothingThatWasCompletedAndDoublesNothing) {
  int torn = 0;
  int kept = 0;
  int rolled = 0;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Lives lives(seed);
    lives.run(8);
    if (HasFatalFailure()) return;
    torn += lives.torn();
    kept += lives.kept_unacknowledged();
    rolled += lives.rolled();
  }
  // The test is worth nothing unless crashes fell where they hurt.
  EXPECT_GT(torn, 200);
  EXPECT_GT(kept, 200);
  EXPECT_GT(rolled, 200);
}

}  // namespace
}  // namespace quipu
