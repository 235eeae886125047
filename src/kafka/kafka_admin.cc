#include "kafka/kafka_admin.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <memory>

#include "kafka/kafka_client.h"

namespace quipu {

namespace {

using Clock = std::chrono::steady_clock;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, DestroyWith<rd_kafka_AdminOptions_destroy>>;
using Topics = std::unique_ptr<rd_kafka_TopicCollection_t, DestroyWith<rd_kafka_TopicCollection_destroy>>;
using Resource = std::unique_ptr<rd_kafka_ConfigResource_t, DestroyWith<rd_kafka_ConfigResource_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, DestroyWith<rd_kafka_NewTopic_destroy>>;
using NewPartitions = std::unique_ptr<rd_kafka_NewPartitions_t, DestroyWith<rd_kafka_NewPartitions_destroy>>;
using DeleteRecords = std::unique_ptr<rd_kafka_DeleteRecords_t, DestroyWith<rd_kafka_DeleteRecords_destroy>>;

/// How often a wait looks whether it should stop.
constexpr int kSliceMs = 50;

Code code_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
      return Code::kNotFound;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__DESTROY_BROKER:  // The client removed the broker that it had asked.
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return Code::kTimeout;
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
      return Code::kBusy;
    default:
      return Code::kRefused;
  }
}

std::unexpected<Error> failed(const KafkaOptions& options, const std::string& doing, rd_kafka_resp_err_t error,
                              const char* why) {
  const auto code = code_of(error);
  std::string text = "topic " + options.topic + " of " + options.brokers + ": " + doing + ": ";
  text += why != nullptr ? why : rd_kafka_err2str(error);
  return std::unexpected<Error>(Error{code, text, code == Code::kBusy ? options.refresh_ms : 0});
}

AdminOptions admin_options(rd_kafka_t* client, rd_kafka_admin_op_t what, const KafkaOptions& options) {
  AdminOptions made(rd_kafka_AdminOptions_new(client, what));
  std::array<char, 256> why{};
  rd_kafka_AdminOptions_set_request_timeout(made.get(), static_cast<int>(options.request_timeout_ms), why.data(),
                                            why.size());
  return made;
}

/// Waits for the answer to one question.
Result<KafkaEvent> answer(rd_kafka_queue_t* queue, const KafkaOptions& options, const std::string& doing,
                          const std::stop_token& stop) {
  const auto until = Clock::now() + std::chrono::milliseconds(options.request_timeout_ms + 1'000);
  while (Clock::now() < until && !stop.stop_requested()) {
    KafkaEvent event(rd_kafka_queue_poll(queue, kSliceMs));
    if (!event) continue;
    if (const auto error = rd_kafka_event_error(event.get())) {
      return failed(options, doing, error, rd_kafka_event_error_string(event.get()));
    }
    return event;
  }
  return failed(options, doing, RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer");
}

std::array<std::byte, 16> bytes_of(const rd_kafka_Uuid_t* id) {
  std::array<std::byte, 16> bytes{};
  const auto put_half = [&](std::size_t at, std::int64_t half) {
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[at + i] = static_cast<std::byte>(static_cast<std::uint64_t>(half) >> (56 - 8 * i));
    }
  };
  put_half(0, rd_kafka_Uuid_most_significant_bits(id));
  put_half(8, rd_kafka_Uuid_least_significant_bits(id));
  return bytes;
}

}  // namespace

Result<KafkaTopicState> KafkaAdmin::topic() {
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, options_);
  const auto* name = options_.topic.c_str();
  const Topics topics(rd_kafka_TopicCollection_of_topic_names(&name, 1));
  rd_kafka_DescribeTopics(client_, topics.get(), options.get(), queue.get());
  const auto event = answer(queue.get(), options_, "describing it", stop_);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* const* described =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event->get()), &count);
  if (count != 1) return failed(options_, "describing it", RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  if (const auto* error = rd_kafka_TopicDescription_error(described[0]); rd_kafka_error_code(error) != 0) {
    return failed(options_, "describing it", rd_kafka_error_code(error), rd_kafka_error_string(error));
  }
  KafkaTopicState state;
  state.id = bytes_of(rd_kafka_TopicDescription_topic_id(described[0]));
  std::size_t partitions = 0;
  const auto* const* infos = rd_kafka_TopicDescription_partitions(described[0], &partitions);
  if (partitions > kPartitionsMax) {
    return failure(Code::kRefused, "topic " + options_.topic + " has " + std::to_string(partitions) +
                                       " partitions; at most " + std::to_string(kPartitionsMax) + " can be counted");
  }
  state.partitions = static_cast<std::uint16_t>(partitions);
  std::size_t fewest = partitions == 0 ? 0 : SIZE_MAX;
  for (std::size_t i = 0; i < partitions; ++i) {
    std::size_t replicas = 0;
    rd_kafka_TopicPartitionInfo_replicas(infos[i], &replicas);
    fewest = std::min(fewest, replicas);
    if (rd_kafka_TopicPartitionInfo_leader(infos[i]) == nullptr) {
      return failed(options_, "partition " + std::to_string(rd_kafka_TopicPartitionInfo_partition(infos[i])),
                    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, nullptr);
    }
  }
  state.replication = static_cast<std::uint16_t>(fewest);
  return state;
}

Result<std::map<std::string, std::string>> KafkaAdmin::settings() {
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, options_);
  const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, options_.topic.c_str()));
  auto* asked = resource.get();
  rd_kafka_DescribeConfigs(client_, &asked, 1, options.get(), queue.get());
  const auto event = answer(queue.get(), options_, "reading its settings", stop_);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* const* resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return failed(options_, "reading its settings", RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  if (const auto error = rd_kafka_ConfigResource_error(resources[0])) {
    return failed(options_, "reading its settings", error, rd_kafka_ConfigResource_error_string(resources[0]));
  }
  std::map<std::string, std::string> settings;
  const auto* const* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr) settings.emplace(rd_kafka_ConfigEntry_name(entries[i]), value);
  }
  return settings;
}

Result<void> KafkaAdmin::create() {
  std::array<char, 256> why{};
  const NewTopic topic(
      rd_kafka_NewTopic_new(options_.topic.c_str(), options_.partitions, options_.replication, why.data(), why.size()));
  if (!topic) return failure(Code::kRefused, "topic " + options_.topic + ": " + why.data());
  for (const auto& [name, value] : settings_of_new_topic(options_)) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_CREATETOPICS, options_);
  auto* asked = topic.get();
  rd_kafka_CreateTopics(client_, &asked, 1, options.get(), queue.get());
  const auto event = answer(queue.get(), options_, "making it", stop_);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* const* made =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  if (count != 1) return failed(options_, "making it", RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  const auto error = rd_kafka_topic_result_error(made[0]);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return {};
  return failed(options_,
                "making it with " + std::to_string(options_.partitions) + " partitions and " +
                    std::to_string(options_.replication) + " replicas",
                error, rd_kafka_topic_result_error_string(made[0]));
}

Result<void> KafkaAdmin::grow(std::uint16_t partitions) {
  std::array<char, 256> why{};
  const NewPartitions more(rd_kafka_NewPartitions_new(options_.topic.c_str(), partitions, why.data(), why.size()));
  if (!more) return failure(Code::kRefused, "topic " + options_.topic + ": " + why.data());
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, options_);
  auto* asked = more.get();
  rd_kafka_CreatePartitions(client_, &asked, 1, options.get(), queue.get());
  const auto doing = "giving it " + std::to_string(partitions) + " partitions";
  const auto event = answer(queue.get(), options_, doing, stop_);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* const* grown =
      rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event->get()), &count);
  if (count != 1) return failed(options_, doing, RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  if (const auto error = rd_kafka_topic_result_error(grown[0]); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failed(options_, doing, error, rd_kafka_topic_result_error_string(grown[0]));
  }
  return {};
}

Result<std::vector<std::optional<std::int64_t>>> KafkaAdmin::offsets(std::uint16_t partitions, std::int64_t which) {
  const KafkaPartitions asked(rd_kafka_topic_partition_list_new(partitions));
  for (std::int32_t p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(asked.get(), options_.topic.c_str(), p)->offset = which;
  }
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_LISTOFFSETS, options_);
  rd_kafka_ListOffsets(client_, asked.get(), options.get(), queue.get());
  const auto event = answer(queue.get(), options_, "asking for its bounds", stop_);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* const* infos = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event->get()), &count);
  std::vector<std::optional<std::int64_t>> found(partitions);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* info = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
    if (info->err != 0 || info->offset < 0 || info->partition < 0 || info->partition >= partitions) continue;
    found[static_cast<std::size_t>(info->partition)] = info->offset;
  }
  return found;
}

Result<std::vector<std::optional<LogBounds>>> KafkaAdmin::bounds(std::uint16_t partitions) {
  // The beginning first: it only rises, so a pair that was read while the log moved still holds.
  const auto begins = offsets(partitions, RD_KAFKA_OFFSET_SPEC_EARLIEST);
  if (!begins) return std::unexpected(begins.error());
  const auto ends = offsets(partitions, RD_KAFKA_OFFSET_SPEC_LATEST);
  if (!ends) return std::unexpected(ends.error());
  std::vector<std::optional<LogBounds>> found(partitions);
  for (std::size_t p = 0; p < partitions; ++p) {
    const auto begin = (*begins)[p];
    const auto end = (*ends)[p];
    if (begin && end) found[p] = LogBounds{.begin = from_kafka(*begin), .end = from_kafka(*end)};
  }
  return found;
}

Result<void> KafkaAdmin::trim(const std::map<PartitionId, Offset>& below) {
  const KafkaPartitions asked(rd_kafka_topic_partition_list_new(static_cast<int>(below.size())));
  for (const auto& [partition, offset] : below) {
    rd_kafka_topic_partition_list_add(asked.get(), options_.topic.c_str(), partition.value)->offset = to_kafka(offset);
  }
  const KafkaQueue queue(rd_kafka_queue_new(client_));
  const auto options = admin_options(client_, RD_KAFKA_ADMIN_OP_DELETERECORDS, options_);
  const DeleteRecords order(rd_kafka_DeleteRecords_new(asked.get()));
  auto* orders = order.get();
  rd_kafka_DeleteRecords(client_, &orders, 1, options.get(), queue.get());
  const auto event = answer(queue.get(), options_, "trimming it", stop_);
  if (!event) return std::unexpected(event.error());
  const auto* done = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  for (int i = 0; done != nullptr && i < done->cnt; ++i) {
    if (done->elems[i].err != 0) {
      return failed(options_, "trimming partition " + std::to_string(done->elems[i].partition), done->elems[i].err,
                    nullptr);
    }
  }
  return {};
}

}  // namespace quipu
