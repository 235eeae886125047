#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/kafka_options.h"
#include "kafka/topic_settings.h"
#include "log/event_log.h"

namespace quipu {

/// Counts since the log was opened, and how it stands.
struct KafkaLogStats {
  std::uint64_t producers_rebuilt = 0;   ///< Clients that were left behind with what they had under way.
  std::optional<std::string> silence{};  ///< Why the cluster did not answer lately.
  std::vector<KafkaFinding> findings{};  ///< What is weak or unsafe about the topic's settings.
  std::int64_t silent_ms = 0;            ///< How long ago the cluster last answered; it is asked every second.
};

/// The event log of the distributed form: a topic of Kafka. One frame is one record.
///
///   submit ─► waiting ─commit─► client ─► brokers, all in-sync copies ─► take_completions
///   read ◄─ fetched ahead ◄─ brokers                 a thread asks: same topic? its bounds? its settings?
///
/// Promises of EventLog, and how: an offset is completed when all in-sync replicas have the record (acks=all), so it
/// survives what the topic's replication does (docs/operations/kafka.md). Each partition has offsets of its own,
/// without gaps: Kafka's plus 1. Completions of one partition come in the order of submission; partitions do not wait
/// for each other. kUnknown does not end the log. Once a frame fails, everything that was submitted before
/// `take_completions` said so fails too (kUnknown what was under way, kBusy what was not sent), so whoever sends it
/// again, in order and under the same chain numbers, is overtaken by nothing but copies of the same frames in the same
/// order. A topic that is gone, or is another one than it was, is kDamaged everywhere. A partition that lost
/// acknowledged frames is not read any more; it, or a setting that could lose events, makes `room_bytes` 0 and `closed`
/// name it, while reading goes on elsewhere. Threads: two of its own, and librdkafka's. All calls on the owner's
/// thread; none waits but `open` and the destructor. What was under way at the destructor is left behind: it may be in
/// the log.
class KafkaLog final : public EventLog {
 public:
  /// Finds the topic, or makes it (never where `options.known` says that there was one), and looks at its identity and
  /// settings. Waits at most about `start_timeout_ms`. kDamaged: not the topic that is known. kRefused: settings that
  /// could lose events, or what the cluster does not allow. kTimeout: no broker. kNotFound: no topic, with `only_read`.
  static Result<std::unique_ptr<KafkaLog>> open(KafkaOptions options);
  ~KafkaLog() override;

  const LogIdentity& identity() const override;
  /// Rises when partitions are added to the topic, at a `take_completions`.
  std::uint16_t partitions() const override;
  std::int64_t partitions_age_ms() const override;
  bool commits_atomically() const override { return false; }
  /// As of the last round of questions, or newer where frames were acknowledged or read.
  LogBounds bounds(PartitionId partition) const override;
  std::int64_t bounds_age_ms(PartitionId partition) const override;
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override;
  std::size_t group_bytes_max() const override;
  Error room_error() const override;
  std::optional<Error> closed() const override;
  Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) override;
  void commit() override;
  bool committing() const override;
  void take_completions(std::vector<LogCompletion>& out) override;

  /// Of one partition, and without waiting. Beside what EventLog says: kDamaged where the partition ends before an
  /// offset that it once had, or that `seek` was given; and where it begins after one that `seek` was given.
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override;
  /// Says nothing to this log: its partitions have offsets of their own.
  void allow_trim(Offset) override {}
  /// In the background, by Kafka's DeleteRecords, again and again until it is done.
  void allow_partition_trim(PartitionId partition, Offset offset) override;

  /// Frames up to `next` were in the partition, by someone who knows (the store), and are wanted from there on.
  void seek(PartitionId partition, Offset next);
  /// The same, and nothing is wanted.
  void known(PartitionId partition, Offset next);
  /// Fetches nothing ahead while paused; what was fetched is dropped. A read then answers nothing.
  void pause(PartitionId partition, bool paused);
  /// The partition is not read any more.
  void forget(PartitionId partition);

  /// The topic is gone, or is another one.
  Result<void> health() const;
  KafkaLogStats stats() const;
  const KafkaOptions& options() const;

 private:
  class State;
  explicit KafkaLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
