#include "kafka/kafka_member.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "kafka/steady_time.h"

namespace quipu {
namespace {

/// How long the thread waits for an event, and so how soon it sees what the owner did.
constexpr int kPollMs = 50;
constexpr int kEventsPerTurn = 100;
/// The owner counts as being there for so long after a call.
constexpr std::int64_t kOwnerThereMs = 1'000;
/// How often a member is heard at least, and so how soon it hears that partitions move.
constexpr std::int64_t kHeartbeatMs = 1'000;
/// How often a member asks whether its client is answered at all: without brokers it would hear of no partition.
constexpr std::int64_t kAskMs = 2'000;
/// How long it waits for that, and so how long an event waits for it.
constexpr std::int64_t kAnswerMs = 3'000;
/// How long leaving the group may take; the session's end does it else.
constexpr std::int64_t kLeaveMs = 10'000;

KafkaSettings member_settings(const KafkaGroupOptions& options) {
  return {
      {"group.id", options.group},
      {"group.protocol", "classic"},
      {"partition.assignment.strategy", "cooperative-sticky"},
      {"session.timeout.ms", std::to_string(options.session_timeout_ms)},
      {"heartbeat.interval.ms",
       std::to_string(std::clamp<std::int64_t>(options.session_timeout_ms / 4, 1, kHeartbeatMs))},
      {"max.poll.interval.ms", std::to_string(options.silence_max_ms)},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"queued.max.messages.kbytes", "1"},  // It reads nothing: its partitions are paused.
  };
}

KafkaOptions asking_options(KafkaOptions options) {
  options.request_timeout_ms = std::min(options.request_timeout_ms, kAnswerMs);
  return options;
}

std::set<PartitionId> partitions_of(const rd_kafka_topic_partition_list_t* list) {
  std::set<PartitionId> all;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    all.insert(PartitionId(static_cast<std::uint16_t>(list->elems[i].partition)));
  }
  return all;
}

}  // namespace

KafkaMember::KafkaMember(const KafkaOptions& kafka, const KafkaGroupOptions& options, KafkaClient client)
    : kafka_(kafka),
      options_(options),
      client_(std::move(client)),
      asking_(asking_options(kafka)),
      admin_(client_.get(), asking_),
      heard_at_(steady_now_ms()),
      called_at_(steady_now_ms()) {
  rd_kafka_poll_set_consumer(client_.get());
  events_.reset(rd_kafka_queue_get_consumer(client_.get()));
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

KafkaMember::~KafkaMember() {
  thread_.request_stop();
  thread_.join();
  events_.reset();
  // One that could not leave in time is not waited for again.
  end_kafka_client(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Result<std::unique_ptr<KafkaMember>> KafkaMember::join(const KafkaOptions& kafka, const KafkaGroupOptions& options) {
  auto client = make_kafka_client(RD_KAFKA_CONSUMER, kafka, member_settings(options),
                                  RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT);
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<KafkaMember>(new KafkaMember(kafka, options, std::move(*client)));
}

std::vector<LogGroup::Change> KafkaMember::take_changes() {
  const std::lock_guard lock(mutex_);
  called_at_ = steady_now_ms();
  return std::exchange(changes_, {});
}

void KafkaMember::released(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  called_at_ = steady_now_ms();
  held_.erase(partition);
}

void KafkaMember::hint(PartitionId partition, Offset offset) {
  const std::lock_guard lock(mutex_);
  hints_[partition] = offset;
}

std::optional<Error> KafkaMember::refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

std::int64_t KafkaMember::silent_ms() const {
  const std::lock_guard lock(mutex_);
  return std::max<std::int64_t>(steady_now_ms() - heard_at_, 0);
}

void KafkaMember::tell(Change::Kind kind, const std::set<PartitionId>& partitions) {
  if (partitions.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    for (const auto partition : partitions) changes_.push_back({kind, partition});
  }
  kafka_.wake();
}

void KafkaMember::run(const std::stop_token& stop) {
  const KafkaPartitions topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), kafka_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  complain("cannot subscribe", rd_kafka_subscribe(client_.get(), topics.get()));
  admin_.stop_with(stop);
  while (!stop.stop_requested()) {
    listen();
    std::int64_t called_at = 0;
    {
      const std::lock_guard lock(mutex_);
      called_at = called_at_;
    }
    if (steady_now_ms() - called_at > kOwnerThereMs) {
      // Not polled, the client leaves the group when max.poll.interval.ms has passed.
      std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
      continue;
    }
    // All that is there: while brokers are silent a turn takes seconds, and the group's word may stand behind others.
    for (int taken = 0; taken < kEventsPerTurn; ++taken) {
      const KafkaEvent event(rd_kafka_queue_poll(events_.get(), taken == 0 ? kPollMs : 0));
      if (!event) break;
      if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) rebalance(*event);
      if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) trouble(*event);
      if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_OFFSET_COMMIT) hints_committed(*event);
    }
    give_up_revoked();
    commit_hints(false);
  }
  leave();
}

void KafkaMember::rebalance(rd_kafka_event_t& event) {
  auto* list = rd_kafka_event_topic_partition_list(&event);
  if (rd_kafka_event_error(&event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    assign(list);
  } else {
    revoke(list);
  }
}

void KafkaMember::assign(rd_kafka_topic_partition_list_t* list) {
  // Frames are not read by this client. Its partitions are put to their ends, so that it asks for no offset of the
  // group's, and paused.
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
  complain("cannot take partitions", KafkaError(rd_kafka_incremental_assign(client_.get(), list)));
  rd_kafka_pause_partitions(client_.get(), list);
  const auto partitions = partitions_of(list);
  owned_.insert(partitions.begin(), partitions.end());
  tell(Change::Kind::kAssigned, partitions);
}

void KafkaMember::revoke(const rd_kafka_topic_partition_list_t* list) {
  const auto partitions = partitions_of(list);
  if (rd_kafka_assignment_lost(client_.get()) != 0) {
    {
      const std::lock_guard lock(mutex_);
      held_.clear();
    }
    tell(Change::Kind::kLost, partitions);
    revoked_.reset();
    unassign(list);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    held_ = partitions;
  }
  revoked_.reset(rd_kafka_topic_partition_list_copy(list));
  release_by_ = steady_now_ms() + options_.release_timeout_ms;
  tell(Change::Kind::kRevoked, partitions);
}

void KafkaMember::give_up_revoked() {
  if (!revoked_) return;
  std::set<PartitionId> held;
  {
    const std::lock_guard lock(mutex_);
    held = held_;
  }
  const bool over = steady_now_ms() >= release_by_ || rd_kafka_assignment_lost(client_.get()) != 0;
  if (!held.empty() && !over) return;
  {
    const std::lock_guard lock(mutex_);
    held_.clear();
  }
  tell(Change::Kind::kLost, held);
  commit_hints(true);
  unassign(revoked_.get());
  revoked_.reset();
}

void KafkaMember::unassign(const rd_kafka_topic_partition_list_t* list) {
  for (const auto partition : partitions_of(list)) owned_.erase(partition);
  complain("cannot give partitions up", KafkaError(rd_kafka_incremental_unassign(client_.get(), list)));
}

void KafkaMember::complain(const char* what, const KafkaError& wrong) const {
  if (wrong) kafka_.say("group " + options_.group + " " + what + ": " + rd_kafka_error_string(wrong.get()));
}

void KafkaMember::complain(const char* what, rd_kafka_resp_err_t wrong) const {
  if (wrong != 0) kafka_.say("group " + options_.group + " " + what + ": " + rd_kafka_err2str(wrong));
}

/// Said when it changes: hints that fail are made again with the next watermarks, and nothing goes by them.
void KafkaMember::hints_committed(rd_kafka_event_t& event) {
  const auto wrong = rd_kafka_event_error(&event);
  if (wrong == std::exchange(hints_failed_, wrong)) return;
  complain("cannot commit how far it is", wrong);
}

void KafkaMember::trouble(rd_kafka_event_t& event) {
  const auto error = rd_kafka_event_error(&event);
  switch (error) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
      break;
    default:
      if (rd_kafka_event_error_is_fatal(&event) == 0) {
        kafka_.say("group " + options_.group + ": " + rd_kafka_event_error_string(&event));
        return;
      }
  }
  {
    const std::lock_guard lock(mutex_);
    refusal_ = Error{Code::kRefused, "group " + options_.group + ": " + rd_kafka_event_error_string(&event), 0};
  }
  kafka_.wake();
}

void KafkaMember::commit_hints(bool all) {
  const auto now = steady_now_ms();
  if (!all && now - hinted_at_ < options_.hint_ms) return;
  hinted_at_ = now;
  std::map<PartitionId, Offset> hints;
  {
    const std::lock_guard lock(mutex_);
    hints = std::exchange(hints_, {});
  }
  std::erase_if(hints, [&](const auto& hint) { return !owned_.contains(hint.first); });
  if (hints.empty()) return;
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(hints.size())));
  for (const auto& [partition, offset] : hints) {
    // Kafka commits the next offset to read.
    rd_kafka_topic_partition_list_add(list.get(), kafka_.topic.c_str(), partition.value)->offset = to_kafka(offset) + 1;
  }
  rd_kafka_commit_queue(client_.get(), list.get(), events_.get(), nullptr, nullptr);
}

/// Asks whether anyone is there, and begins anew with the first brokers where nobody is (hearing.h).
void KafkaMember::listen() {
  const auto asked_at = steady_now_ms();
  if (asked_at - asked_at_ < kAskMs) return;
  asked_at_ = asked_at;
  const auto found = admin_.topic();
  const auto now = steady_now_ms();
  if (!found && found.error().code == Code::kTimeout) {
    const auto step = hearing_.unanswered(asked_at, now);
    if (step.search) give_brokers_again(client_.get(), kafka_);
    if (step.tell) {
      kafka_.say("group " + options_.group + " hears nothing from Kafka, nor of partitions: " + found.error().what);
    }
    return;
  }
  if (const auto silent = hearing_.answered(now)) {
    kafka_.say("group " + options_.group + ": brokers answer again, after " + std::to_string(*silent / 1'000) + " s");
  }
  const std::lock_guard lock(mutex_);
  heard_at_ = now;
}

void KafkaMember::leave() {
  commit_hints(true);
  if (const KafkaError wrong(rd_kafka_consumer_close_queue(client_.get(), events_.get())); wrong) return;
  const auto until = steady_now_ms() + kLeaveMs;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && steady_now_ms() < until) {
    const KafkaEvent event(rd_kafka_queue_poll(events_.get(), kPollMs));
    if (!event || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_REBALANCE) continue;
    if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
      unassign(rd_kafka_event_topic_partition_list(event.get()));
    } else {
      assign(rd_kafka_event_topic_partition_list(event.get()));
    }
  }
}

}  // namespace quipu
