#include "kafka/kafka_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "kafka_broker/kafka_world.h"
#include "services/stop_process.h"

namespace quipu {
namespace {

using namespace testing_kafka;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Kind = LogGroup::Change::Kind;

/// The shortest session that brokers allow by default.
constexpr std::int64_t kSessionMs = 6'000;

KafkaGroupOptions group_options(const std::string& group) {
  KafkaGroupOptions options;
  options.group = group;
  options.session_timeout_ms = kSessionMs;
  options.hint_ms = 50;
  return options;
}

/// One process' part in a group, as a worker without a store would play it.
class MemberOfGroup {
 public:
  explicit MemberOfGroup(KafkaOptions options, const KafkaGroupOptions& how) {
    options.wake = wakes.waker();
    log = open_log(options);
    auto joined = KafkaGroup::join(*log, how);
    EXPECT_TRUE(joined) << joined.error().what;
    if (joined) group = std::move(*joined);
  }

  /// One turn of its owner.
  void turn() {
    std::vector<LogGroup::Change> changes;
    group->take_changes(changes);
    for (const auto& change : changes) {
      all.push_back(change);
      if (change.kind == Kind::kAssigned) owned.insert(change.partition.value);
      if (change.kind == Kind::kLost) owned.erase(change.partition.value);
      if (change.kind == Kind::kRevoked) {
        if (releases) {
          release(change.partition);
        } else {
          unreleased.push_back(change.partition);
        }
      }
    }
  }
  void release(PartitionId partition) {
    owned.erase(partition.value);
    group->released(partition);
  }
  int count(Kind kind) const { return static_cast<int>(std::ranges::count(all, kind, &LogGroup::Change::kind)); }

  Wakes wakes;
  bool releases = true;  ///< Whether it gives up at once what is revoked.
  std::set<std::uint16_t> owned;
  std::vector<PartitionId> unreleased;
  std::vector<LogGroup::Change> all;
  std::unique_ptr<KafkaLog> log;
  std::unique_ptr<KafkaGroup> group;
};

class KafkaGroupTest : public testing::Test {
 protected:
  KafkaGroupTest() { options_.partitions = 4; }
  ~KafkaGroupTest() override {
    if (made_) Administrator(options_.brokers).remove(options_.topic);
  }
  std::unique_ptr<MemberOfGroup> join() {
    made_ = true;
    return std::make_unique<MemberOfGroup>(options_, group_);
  }

  /// Joins, and waits until all is its own.
  std::unique_ptr<MemberOfGroup> join_alone() {
    auto member = join();
    wait_until(member->wakes, [&] { return member->turn(), member->owned.size() == 4; }, "all were assigned");
    return member;
  }

  Wakes wakes_;
  KafkaOptions options_ = test_options(wakes_);
  KafkaGroupOptions group_ = group_options(options_.topic);
  bool made_ = false;
};

TEST_F(KafkaGroupTest, AssignsAllPartitionsToTheOnlyMember) {
  const auto member = join_alone();
  EXPECT_THAT(member->owned, UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_EQ(member->count(Kind::kAssigned), 4);
  EXPECT_TRUE(member->group->health());
}

TEST_F(KafkaGroupTest, HandsAPartitionOverOnlyAfterItIsReleased) {
  const auto first = join_alone();
  for (std::uint16_t p = 0; p < 4; ++p) {
    send(*first->log, p, 1);
    first->group->seek(PartitionId(p), Offset(1));
  }
  take(*first->log, first->wakes, 4);
  first->releases = false;
  const auto second = join();
  const auto turn = [&] {
    first->turn();
    second->turn();
  };
  wait_until(first->wakes, [&] { return turn(), first->unreleased.size() == 2; }, "two were revoked");
  EXPECT_EQ(first->owned.size(), 4u) << "still kept until they are flushed";
  // What is revoked can still be read to its end, and what stays goes on.
  for (std::uint16_t p = 0; p < 4; ++p) {
    EXPECT_EQ(numbers(*first->log, first->wakes, p), std::vector<std::uint64_t>{1});
  }
  for (int turns = 0; turns < 20; ++turns) {
    turn();
    first->wakes.wait();
    ASSERT_TRUE(second->owned.empty()) << "handed over before it was released";
  }
  for (const auto partition : first->unreleased) first->release(partition);
  wait_until(second->wakes, [&] { return turn(), second->owned.size() == 2; }, "they were handed over");
  std::set<std::uint16_t> together = first->owned;
  together.insert(second->owned.begin(), second->owned.end());
  EXPECT_EQ(together.size(), 4u);
  EXPECT_EQ(first->count(Kind::kAssigned), 4) << "those that stayed were not touched";
  EXPECT_EQ(first->count(Kind::kLost), 0);
  const auto moved = *second->owned.begin();
  second->group->seek(PartitionId(moved), Offset(1));
  EXPECT_EQ(numbers(*second->log, second->wakes, moved), std::vector<std::uint64_t>{1});
}

TEST_F(KafkaGroupTest, APartitionThatIsNotReleasedInTimeIsLost) {
  group_.release_timeout_ms = 1'000;
  const auto first = join_alone();
  first->releases = false;
  const auto second = join();
  const auto turn = [&] {
    first->turn();
    second->turn();
  };
  wait_until(second->wakes, [&] { return turn(), second->owned.size() == 2; }, "they were taken over");
  EXPECT_EQ(first->count(Kind::kRevoked), 2);
  wait_until(first->wakes, [&] { return turn(), first->count(Kind::kLost) == 2; }, "the first was told");
  EXPECT_EQ(first->owned.size(), 2u);
}

TEST_F(KafkaGroupTest, OneThatLeavesGivesItsPartitionsToTheOthersAtOnce) {
  group_.session_timeout_ms = 4 * std::chrono::milliseconds(kPatience).count();  // Nothing is by a session's end.
  auto first = join_alone();
  const auto second = join();
  wait_until(
      second->wakes, [&] { return first->turn(), second->turn(), second->owned.size() == 2; }, "two were handed over");
  first->group.reset();
  wait_until(second->wakes, [&] { return second->turn(), second->owned.size() == 4; }, "all were handed over");
}

TEST_F(KafkaGroupTest, HintsTellTheGroupsOffsetAsKafkaCounts) {
  const auto member = join_alone();
  send(*member->log, 2, 1);
  send(*member->log, 2, 2);
  take(*member->log, member->wakes, 2);
  member->group->hint_committed(PartitionId(2), Offset(2));
  Administrator administrator(options_.brokers);
  wait_until(
      member->wakes, [&] { return member->turn(), administrator.committed(group_.group, options_.topic, 2) == 2; },
      "the next offset to read was committed");
  EXPECT_LT(administrator.committed(group_.group, options_.topic, 1), 0) << "of one that was not hinted";
}

TEST_F(KafkaGroupTest, WithoutAGroupAllPartitionsAreAssignedAtOnce) {
  group_.group.clear();
  const auto member = join();
  member->turn();
  EXPECT_THAT(member->owned, UnorderedElementsAre(0, 1, 2, 3));
  Administrator(options_.brokers).add_partitions(options_.topic, 6);
  wait_until(
      member->wakes,
      [&] {
        std::vector<LogCompletion> none;
        member->log->take_completions(none);
        member->turn();
        return member->owned.size() == 6;
      },
      "the added ones were assigned");
}

TEST_F(KafkaGroupTest, AddedPartitionsAreAssignedToo) {
  const auto member = join_alone();
  send(*member->log, 0, 1);
  take(*member->log, member->wakes, 1);
  Administrator(options_.brokers).add_partitions(options_.topic, 6);
  wait_until(
      member->wakes,
      [&] {
        std::vector<LogCompletion> none;
        member->log->take_completions(none);
        member->turn();
        return member->owned.size() == 6 && member->log->partitions() == 6;
      },
      "the added ones were assigned");
  send(*member->log, 5, 7);
  take(*member->log, member->wakes, 1);
  EXPECT_EQ(numbers(*member->log, member->wakes, 5), std::vector<std::uint64_t>{7});
  EXPECT_EQ(numbers(*member->log, member->wakes, 0), std::vector<std::uint64_t>{1});
}

TEST_F(KafkaGroupTest, RefusesOptionsThatContradictEachOther) {
  made_ = true;
  const auto log = open_log(options_);
  const auto refused = [&](auto change, const char* what) {
    auto options = group_;
    change(options);
    const auto joined = KafkaGroup::join(*log, options);
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, Code::kRefused);
    EXPECT_THAT(joined.error().what, HasSubstr(what));
  };
  refused([](auto& options) { options.group.assign(250, 'g'); }, "at most 249");
  refused([](auto& options) { options.session_timeout_ms = 0; }, "session_timeout_ms");
  refused([](auto& options) { options.silence_max_ms = options.session_timeout_ms - 1; }, "silence_max_ms");
  refused([](auto& options) { options.release_timeout_ms = options.silence_max_ms + 1; }, "release_timeout_ms");
  refused([](auto& options) { options.hint_ms = 0; }, "hint_ms");
}

TEST_F(KafkaGroupTest, AGroupThatTheBrokersDoNotAllowIsNamed) {
  group_.session_timeout_ms = 100;  // Brokers allow 6 s or more by default.
  const auto member = join();
  wait_until(member->wakes, [&] { return member->turn(), !member->group->health(); }, "it was refused");
  EXPECT_EQ(member->group->health().error().code, Code::kRefused);
  EXPECT_THAT(member->group->health().error().what, HasSubstr("group " + group_.group));
}

/// What a member process says to the test, a byte each.
enum class Said : char { kOwnsAll = 'a', kLost = 'l', kOther = 'o' };

/// A member in a process of its own, for being stopped.
class MemberProcess {
 public:
  MemberProcess(const KafkaOptions& options, const KafkaGroupOptions& group) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      MemberOfGroup member(options, group);
      bool told_all = false;
      bool told_lost = false;
      const auto say = [&](Said said) { return ::write(ends[1], &said, 1) == 1; };
      while (true) {
        member.turn();
        if (!told_all && member.owned.size() == options.partitions) told_all = say(Said::kOwnsAll);
        if (!told_lost && member.count(Kind::kLost) == options.partitions) told_lost = say(Said::kLost);
        member.wakes.wait();
      }
    }
    ::close(ends[1]);
    said_ = ends[0];
  }
  ~MemberProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(said_);
  }
  void signal(int number) const { ::kill(pid_, number); }
  pid_t pid() const { return pid_; }
  /// Waits for what it says next.
  Said listen() const {
    Said said = Said::kOther;
    return ::read(said_, &said, 1) == 1 ? said : Said::kOther;
  }

 private:
  pid_t pid_ = -1;
  int said_ = -1;
};

TEST_F(KafkaGroupTest, AStoppedMemberLosesItsPartitionsToAnotherAndLearnsIt) {
  made_ = true;
  const MemberProcess stopped(options_, group_);
  ASSERT_EQ(stopped.listen(), Said::kOwnsAll);
  testing_services::stop_process(stopped.pid());
  const auto other = join();
  wait_until(other->wakes, [&] { return other->turn(), other->owned.size() == 4; }, "another took them over");
  stopped.signal(SIGCONT);
  EXPECT_EQ(stopped.listen(), Said::kLost);
}

TEST_F(KafkaGroupTest, AnOwnerThatDoesNotCallForLongLosesItsPartitions) {
  group_.silence_max_ms = kSessionMs;
  group_.release_timeout_ms = kSessionMs;
  const auto silent = join_alone();
  const auto other = join();
  wait_until(other->wakes, [&] { return other->turn(), other->owned.size() == 4; }, "another took them over");
  wait_until(silent->wakes, [&] { return silent->turn(), silent->count(Kind::kLost) > 0; }, "it learned that");
}

}  // namespace
}  // namespace quipu
