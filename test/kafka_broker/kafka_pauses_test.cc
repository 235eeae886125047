#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kafka/kafka_group.h"
#include "kafka/kafka_log.h"
#include "kafka_broker/kafka_world.h"
#include "kafka_broker/own_broker.h"

/// What a broker that stands still, and goes on, does to the clients of many processes.
namespace quipu {
namespace {

using namespace testing_kafka;

/// What one process has of Kafka: a client that reads and asks, one that writes, and one in a group of its own.
struct Process {
  std::unique_ptr<KafkaLog> log;
  std::unique_ptr<KafkaGroup> group;
  std::string group_name;
  Offset next{1};
  int owned = 0;

  /// Reads what is there of partition 0; as an owner, it comes again and again.
  void turn() {
    std::vector<LogCompletion> done;
    log->take_completions(done);
    std::vector<LogGroup::Change> changes;
    group->take_changes(changes);
    for (const auto& change : changes) owned += change.kind == LogGroup::Change::Kind::kAssigned ? 1 : -1;
    const auto read = log->read(PartitionId(0), next, 1 << 20);
    ASSERT_TRUE(read) << read.error().what;
    next = read->next;
  }
};

/// Its controller takes it for gone after so short a pause. Until it is back in, it answers that the cluster has no
/// brokers, which can make a client forget all of them (hearing.h). That is decided by which of its threads is quicker:
/// with so many partitions to go through before it is done with that answer, clients and pauses, it happens.
class KafkaPausesTest : public testing::Test {
 protected:
  static constexpr int kProcesses = 10;
  static constexpr int kPartitions = 200;
  static constexpr int kPauses = 3;
  static constexpr std::int64_t kHeardLatelyMs = 3'000;
  static constexpr std::chrono::milliseconds kPause{4'000};

  void turn() {
    for (auto& process : processes_) process.turn();
  }
  void wait(const std::function<bool()>& done, const std::string& what) {
    wait_until(wakes_, [&] { return turn(), done(); }, what);
  }

  OwnBroker broker_{"--set kafka.broker.session.timeout.ms=1500 --set kafka.broker.heartbeat.interval.ms=300"};
  Wakes wakes_;
  KafkaOptions options_ = test_options(wakes_, broker_.address());
  std::vector<Process> processes_;
};

TEST_F(KafkaPausesTest, EveryClientHearsABrokerAgainThatStoodStill) {
  options_.partitions = kPartitions;
  for (int i = 0; i < kProcesses; ++i) {
    KafkaGroupOptions in_group;
    in_group.group = options_.topic + "-" + std::to_string(i);
    auto log = open_log(options_);
    ASSERT_TRUE(log);
    auto group = KafkaGroup::join(*log, in_group);
    ASSERT_TRUE(group) << group.error().what;
    processes_.push_back({std::move(log), std::move(*group), in_group.group});
  }
  auto& writer = *processes_[0].log;
  for (std::uint64_t number = 1; number <= kPauses; ++number) {
    broker_.pause();
    std::this_thread::sleep_for(kPause);
    broker_.resume();
    send(writer, 0, number);
    const auto all_have_read = [&] {
      return std::ranges::all_of(processes_, [&](const auto& process) { return process.next.value > number; });
    };
    wait(all_have_read, "every log has read the frame that was written after pause " + std::to_string(number));
    if (HasFatalFailure()) return;
  }
  for (auto& process : processes_) {
    const auto both_hear = [&] {
      return std::max(process.group->silent_ms(), process.log->stats().silent_ms) < kHeardLatelyMs;
    };
    wait(both_hear, "brokers answer the clients of " + process.group_name);
    wait([&] { return process.owned == kPartitions; }, process.group_name + " has all partitions");
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace quipu
