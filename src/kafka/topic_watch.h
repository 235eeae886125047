#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/hearing.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_options.h"
#include "kafka/topic_settings.h"
#include "log/event_log.h"

namespace quipu {

/// Asks a cluster again and again how a topic stands, on a thread of its own, so that the log's owner never waits.
///
///   every refresh_ms: is it the same topic? where do its partitions begin and end?   every check_ms: its settings
///
/// Promise: what it finds wrong for good stays found: the topic is gone or another one (`damage`), or a partition ends
/// before an offset that was once known (`loss`). That a topic is gone or an end went back is believed when two rounds
/// in a row say so, since a broker that has just begun may need a moment to know it. What passes (no answer, no leader)
/// changes nothing, but a client that gets no answer at all is given its brokers again, and it is said (hearing.h).
/// Threads: two of its own, one that asks and one that does what is posted; the owner's calls take what the last round
/// found, and wait for nothing.
class TopicWatch {
 public:
  /// What one partition is known to be.
  struct Place {
    LogBounds bounds;
    std::uint64_t round = 0;        ///< The last round that brought `bounds`.
    std::int64_t asked_at = 0;      ///< When the cluster was asked for them, by the steady clock.
    std::optional<Error> damage{};  ///< kDamaged: it ends before `known`.
  };

  /// `found` is how the topic stood when it was opened, `bounds` where its partitions began and ended when the cluster
  /// was asked at `asked_at`.
  TopicWatch(const KafkaOptions& options, rd_kafka_t* client, KafkaTopicState found,
             const std::vector<LogBounds>& bounds, std::int64_t asked_at);
  ~TopicWatch();
  TopicWatch(const TopicWatch&) = delete;
  TopicWatch& operator=(const TopicWatch&) = delete;

  Place place(PartitionId partition) const;
  /// How long ago the cluster was asked for what `place` says of the bounds.
  std::int64_t bounds_age_ms(PartitionId partition) const;
  /// How many partitions the topic has; rises when some are added.
  struct Partitions {
    std::uint16_t count = 0;
    std::int64_t asked_at = 0;  ///< When the cluster was asked for it, by the steady clock; 0: by no round yet.
  };
  Partitions partitions() const;
  /// The topic is gone, or another one. kDamaged, naming what to do.
  std::optional<Error> damage() const;
  std::vector<KafkaFinding> findings() const;
  /// A partition lost frames that were acknowledged: the first that was found.
  std::optional<Error> loss() const;
  /// Why nothing may be submitted: `damage`, `loss`, or the first finding that forbids it.
  std::optional<std::string> closed() const;
  /// Why the last round brought nothing.
  std::optional<std::string> silence() const;
  /// How long ago the cluster last answered. Grows also while the thread does something else.
  std::int64_t silent_ms() const;

  /// Frames below `end` are, or were said to be, in the partition. Rises only.
  void known(PartitionId partition, Offset end);
  /// The partition does not have what it once had, by someone who saw it; `what` happened there.
  void lost(PartitionId partition, const std::string& what);

  /// Asks for a round soon. A place whose `round` is at least the answer was looked at after this call.
  std::uint64_t ask();
  /// Removes the partition's frames below `offset`, in the background, until it is done.
  void trim(PartitionId partition, Offset offset);
  /// Does something that waits, in the background, in order, and not on the thread that asks: a client that is slow to
  /// end (10 s at most, kafka_client.h) keeps no round waiting.
  void post(std::function<void()> task);

 private:
  void run(const std::stop_token& stop);
  void run_errands(const std::stop_token& stop);
  void round();
  void heard();
  void unheard(std::int64_t asked_at, const Error& why);
  void look_at_topic();
  void look_at_bounds(std::uint64_t number);
  void look_at_settings();
  void trim_now();
  void damaged(const std::string& what);
  void found_loss(std::size_t partition, const std::string& what);

  const KafkaOptions& options_;
  rd_kafka_t* const client_;
  KafkaAdmin admin_;             ///< The thread's.
  Hearing hearing_;              ///< The thread's.
  std::int64_t checked_at_ = 0;  ///< The thread's.
  int gone_ = 0;                 ///< The thread's: how many rounds in a row did not find the topic.
  std::vector<int> back_;        ///< The thread's: how many rounds in a row said that a partition's end went back.

  mutable std::mutex mutex_;  // All below are under it.
  std::condition_variable_any changed_;
  KafkaTopicState topic_;
  std::int64_t topic_asked_at_ = 0;
  std::vector<Place> places_;
  std::vector<Offset> known_;
  std::optional<Error> damage_;
  std::optional<Error> loss_;
  std::vector<KafkaFinding> findings_;
  std::optional<std::string> silence_;
  std::int64_t heard_at_;
  std::uint64_t rounds_begun_ = 0;
  bool asked_ = false;
  std::map<PartitionId, Offset> trims_;
  std::deque<std::function<void()>> tasks_;
  std::condition_variable_any posted_;

  std::jthread errands_;
  std::jthread thread_;  // Both last: they end first.
};

}  // namespace quipu
