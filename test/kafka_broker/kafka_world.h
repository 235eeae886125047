#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "kafka/kafka_client.h"
#include "kafka/kafka_log.h"
#include "kafka/kafka_options.h"
#include "log/log_samples.h"

/// A real broker, topics of a test's own, and short ways through a KafkaLog.
namespace quipu::testing_kafka {

/// Generous: a test waits for causes and never for a time.
inline constexpr std::chrono::seconds kPatience{60};

/// The broker that the tests share. Unset is a failure.
std::string shared_brokers();

/// Another name at each call.
std::string new_topic_name();

/// What an administrator does to a topic behind the log's back.
class Administrator {
 public:
  explicit Administrator(const std::string& brokers);
  void create(const std::string& topic, int partitions, const KafkaSettings& settings = {});
  void remove(const std::string& topic);
  void set(const std::string& topic, const std::string& name, const std::string& value);
  void add_partitions(const std::string& topic, int partitions);
  void remove_records(const std::string& topic, int partition, std::int64_t below);
  /// Where the group says that it has come to, as Kafka counts.
  std::int64_t committed(const std::string& group, const std::string& topic, int partition);

 private:
  KafkaOptions options_;
  KafkaClient client_;
};

/// Counts wake-ups, so that a test can wait for the next.
class Wakes {
 public:
  std::function<void()> waker() {
    return [this] { semaphore_.release(); };
  }
  void wait() { static_cast<void>(semaphore_.try_acquire_for(std::chrono::milliseconds(100))); }

 private:
  std::counting_semaphore<> semaphore_{0};
};

/// Options for tests: 3 partitions, quick rounds, and a topic of its own.
KafkaOptions test_options(Wakes& wakes, const std::string& brokers = shared_brokers());

/// Opens, or fails the test.
std::unique_ptr<KafkaLog> open_log(const KafkaOptions& options);

/// Waits until `done`, waking at every wake-up; fails the test after kPatience.
void wait_until(Wakes& wakes, const std::function<bool()>& done, const std::string& what);

/// Submits a frame and commits it.
void send(EventLog& log, std::uint16_t partition, std::uint64_t number, std::size_t extra = 0);

/// Takes completions until `count` are there.
std::vector<LogCompletion> take(EventLog& log, Wakes& wakes, std::size_t count);

/// What the frames of a partition say, from `from` to its end as it is now.
std::vector<std::uint64_t> numbers(EventLog& log, Wakes& wakes, std::uint16_t partition, Offset from = Offset(1));

/// Reads at `from` until there is an error, and returns it.
Error read_error(EventLog& log, Wakes& wakes, std::uint16_t partition, Offset from);

}  // namespace quipu::testing_kafka
