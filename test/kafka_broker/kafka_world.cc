#include "kafka_broker/kafka_world.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace quipu::testing_kafka {

namespace {

template <class Ask>
KafkaEvent ask(rd_kafka_t* client, Ask question) {
  const KafkaQueue queue(rd_kafka_queue_new(client));
  question(queue.get());
  KafkaEvent event(rd_kafka_queue_poll(queue.get(), std::chrono::milliseconds(kPatience).count()));
  EXPECT_TRUE(event) << "no answer from Kafka";
  EXPECT_EQ(rd_kafka_event_error(event.get()), 0) << rd_kafka_event_error_string(event.get());
  return event;
}

void expect_fine(const rd_kafka_topic_result_t* const* results, std::size_t count) {
  ASSERT_EQ(count, 1u);
  EXPECT_EQ(rd_kafka_topic_result_error(results[0]), 0) << rd_kafka_topic_result_error_string(results[0]);
}

}  // namespace

std::string shared_brokers() {
  const auto* set = std::getenv("QUIPU_TEST_KAFKA");
  EXPECT_NE(set, nullptr) << "QUIPU_TEST_KAFKA (host:port) is not set: tools/test --only services";
  return set == nullptr ? "127.0.0.1:1" : set;
}

std::string new_topic_name() {
  static std::atomic<int> next = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return "quipu-test-" + std::to_string(::getpid()) + "-" + std::to_string(now) + "-" + std::to_string(++next);
}

Administrator::Administrator(const std::string& brokers) {
  options_.brokers = brokers;
  auto made = make_kafka_client(RD_KAFKA_PRODUCER, options_, {}, 0);
  EXPECT_TRUE(made) << made.error().what;
  client_ = std::move(*made);
}

void Administrator::create(const std::string& topic, int partitions, const KafkaSettings& settings) {
  auto* wanted = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, nullptr, 0);
  for (const auto& [name, value] : settings) rd_kafka_NewTopic_set_config(wanted, name.c_str(), value.c_str());
  const auto event = ask(client_.get(), [&](rd_kafka_queue_t* queue) {
    rd_kafka_CreateTopics(client_.get(), &wanted, 1, nullptr, queue);
  });
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  expect_fine(results, count);
  rd_kafka_NewTopic_destroy(wanted);
}

void Administrator::remove(const std::string& topic) {
  auto* gone = rd_kafka_DeleteTopic_new(topic.c_str());
  const auto event = ask(
      client_.get(), [&](rd_kafka_queue_t* queue) { rd_kafka_DeleteTopics(client_.get(), &gone, 1, nullptr, queue); });
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  expect_fine(results, count);
  rd_kafka_DeleteTopic_destroy(gone);
}

void Administrator::set(const std::string& topic, const std::string& name, const std::string& value) {
  auto* change = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  const KafkaError wrong(rd_kafka_ConfigResource_add_incremental_config(
      change, name.c_str(), RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.c_str()));
  EXPECT_FALSE(wrong);
  ask(client_.get(),
      [&](rd_kafka_queue_t* queue) { rd_kafka_IncrementalAlterConfigs(client_.get(), &change, 1, nullptr, queue); });
  rd_kafka_ConfigResource_destroy(change);
}

void Administrator::add_partitions(const std::string& topic, int partitions) {
  auto* more = rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(partitions), nullptr, 0);
  ask(client_.get(),
      [&](rd_kafka_queue_t* queue) { rd_kafka_CreatePartitions(client_.get(), &more, 1, nullptr, queue); });
  rd_kafka_NewPartitions_destroy(more);
}

void Administrator::remove_records(const std::string& topic, int partition, std::int64_t below) {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = below;
  auto* order = rd_kafka_DeleteRecords_new(list.get());
  ask(client_.get(),
      [&](rd_kafka_queue_t* queue) { rd_kafka_DeleteRecords(client_.get(), &order, 1, nullptr, queue); });
  rd_kafka_DeleteRecords_destroy(order);
}

std::int64_t Administrator::committed(const std::string& group, const std::string& topic, int partition) {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  auto* question = rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get());
  const auto event = ask(client_.get(), [&](rd_kafka_queue_t* queue) {
    rd_kafka_ListConsumerGroupOffsets(client_.get(), &question, 1, nullptr, queue);
  });
  rd_kafka_ListConsumerGroupOffsets_destroy(question);
  std::size_t count = 0;
  const auto* const* groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  EXPECT_EQ(count, 1u);
  const auto* found = rd_kafka_group_result_partitions(groups[0]);
  return found == nullptr || found->cnt != 1 ? -1 : found->elems[0].offset;
}

KafkaOptions test_options(Wakes& wakes, const std::string& brokers) {
  KafkaOptions options;
  options.brokers = brokers;
  options.topic = new_topic_name();
  options.partitions = 3;
  options.replication = 1;
  options.refresh_ms = 200;
  options.check_ms = 500;
  options.wake = wakes.waker();
  return options;
}

std::unique_ptr<KafkaLog> open_log(const KafkaOptions& options) {
  auto opened = KafkaLog::open(options);
  EXPECT_TRUE(opened) << opened.error().what;
  return opened ? std::move(*opened) : nullptr;
}

void wait_until(Wakes& wakes, const std::function<bool()>& done, const std::string& what) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "waited in vain until " << what;
    wakes.wait();
  }
}

void send(EventLog& log, std::uint16_t partition, std::uint64_t number, std::size_t extra) {
  const auto done = log.submit(PartitionId(partition), testing_log::sample_frame(partition, number, extra), number);
  ASSERT_TRUE(done) << done.error().what;
  log.commit();
}

std::vector<LogCompletion> take(EventLog& log, Wakes& wakes, std::size_t count) {
  std::vector<LogCompletion> done;
  wait_until(
      wakes,
      [&] {
        log.take_completions(done);
        return done.size() >= count;
      },
      std::to_string(count) + " frames were answered");
  return done;
}

std::vector<std::uint64_t> numbers(EventLog& log, Wakes& wakes, std::uint16_t partition, Offset from) {
  std::vector<std::uint64_t> all;
  const auto end = log.bounds(PartitionId(partition)).end;
  wait_until(
      wakes,
      [&] {
        const auto read = log.read(PartitionId(partition), from, 1 << 20);
        EXPECT_TRUE(read) << read.error().what;
        if (!read) return true;
        for (const auto& item : read->frames) all.push_back(testing_log::number_of(read->frame(item)));
        from = read->next;
        return from >= end;
      },
      "partition " + std::to_string(partition) + " was read to its end");
  return all;
}

Error read_error(EventLog& log, Wakes& wakes, std::uint16_t partition, Offset from) {
  Error error;
  wait_until(
      wakes,
      [&] {
        const auto read = log.read(PartitionId(partition), from, 1'000);
        if (read) return false;
        error = read.error();
        return true;
      },
      "reading failed");
  return error;
}

}  // namespace quipu::testing_kafka
