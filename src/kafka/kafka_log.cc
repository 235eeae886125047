#include "kafka/kafka_log.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include "event/frame.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_producer.h"
#include "kafka/kafka_reader.h"
#include "kafka/topic_watch.h"

namespace quipu {

namespace {

using Clock = std::chrono::steady_clock;

/// How long opening waits between two questions.
constexpr std::chrono::milliseconds kStartPause{100};

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

std::string hex(const std::array<std::byte, 16>& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto byte : id) {
    out += digits[static_cast<unsigned>(byte) >> 4];
    out += digits[static_cast<unsigned>(byte) & 15];
  }
  return out;
}

/// Asks until there is an answer other than "not yet".
template <class Ask>
auto insist(Clock::time_point until, Ask ask) {
  while (true) {
    auto answer = ask();
    const bool passes = !answer && (answer.error().code == Code::kBusy || answer.error().code == Code::kTimeout);
    if (!passes || Clock::now() >= until) return answer;
    std::this_thread::sleep_for(kStartPause);
  }
}

/// Brokers learn of a topic one after another: one that does not know it yet will.
template <class Value>
Result<Value> not_yet(Result<Value> answer) {
  if (!answer && answer.error().code == Code::kNotFound) answer.error().code = Code::kBusy;
  return answer;
}

Result<void> check_options(const KafkaOptions& options) {
  const auto refuse = [](const std::string& what) { return failure(Code::kRefused, what); };
  if (options.brokers.empty()) return refuse("no Kafka brokers are given");
  if (options.topic.empty() || options.topic.size() > 249) {
    return refuse("a topic's name has 1 to 249 characters, not " + std::to_string(options.topic.size()));
  }
  if (options.partitions < 1 || options.partitions > kPartitionsMax) {
    return refuse("a topic has 1 to " + std::to_string(kPartitionsMax) + " partitions, not " +
                  std::to_string(options.partitions));
  }
  if (options.replication < 1 || options.replication > 1'000) return refuse("a topic has 1 to 1000 replicas");
  constexpr std::size_t kPendingMax = std::size_t{1} << 30;
  if (options.pending_bytes < 1 || options.pending_bytes > kPendingMax) {
    return refuse("pending_bytes is 1 to " + std::to_string(kPendingMax));
  }
  constexpr std::size_t kAheadMax = std::size_t{1} << 30;
  if (options.fetch_ahead_bytes < 1'024 || options.fetch_ahead_bytes > kAheadMax) {
    return refuse("fetch_ahead_bytes is 1024 to " + std::to_string(kAheadMax));
  }
  for (const auto ms : {options.delivery_timeout_ms, options.start_timeout_ms, options.request_timeout_ms,
                        options.refresh_ms, options.check_ms}) {
    if (ms < 1 || ms > 3'600'000) return refuse("each time is 1 ms to 1 hour, not " + std::to_string(ms) + " ms");
  }
  if (options.linger_ms < 0 || options.linger_ms > 1'000) return refuse("linger_ms is 0 to 1000");
  return {};
}

/// The topic as it is, made where it has to be and may be.
Result<KafkaTopicState> find_topic(KafkaAdmin& admin, const KafkaOptions& options, Clock::time_point until) {
  auto found = insist(until, [&] { return admin.topic(); });
  if (!found && found.error().code == Code::kNotFound) {
    if (options.known) {
      return failure(Code::kDamaged,
                     "topic " + options.topic + " is gone, and the store has counted from it (its id was " +
                         hex(options.known->random) + "). Bring it back, or go on with a new one by `quipu log adopt`");
    }
    if (options.only_read) return found;
    if (auto made = insist(until, [&] { return admin.create(); }); !made) return std::unexpected(made.error());
    found = insist(until, [&] { return not_yet(admin.topic()); });
  }
  if (!found) return found;
  auto settings = insist(until, [&] { return not_yet(admin.settings()); });
  if (!settings) return std::unexpected(settings.error());
  found->settings = std::move(*settings);
  return found;
}

Result<void> judge(const KafkaOptions& options, const KafkaTopicState& topic) {
  if (options.known && options.known->random != topic.id) {
    return failure(Code::kDamaged, "topic " + options.topic +
                                       " is not the one that the store has counted from: its id is " + hex(topic.id) +
                                       ", and was " + hex(options.known->random) +
                                       ". It was deleted and made anew, or the brokers are others. Set the right ones, "
                                       "or go on with this one by `quipu log adopt`");
  }
  if (options.only_read) return {};
  std::string unsafe;
  for (const auto& finding : judge_topic(options, topic)) {
    if (finding.kind != KafkaFinding::Kind::kUnsafe) continue;
    if (!unsafe.empty()) unsafe += "; ";
    unsafe += finding.what;
  }
  if (!unsafe.empty()) return failure(Code::kRefused, unsafe);
  return {};
}

}  // namespace

class KafkaLog::State {
 public:
  /// What the owner knows of a partition beside what the watch has found.
  struct Partition {
    Offset end{};                    ///< Above what was acknowledged to this process, or read by it.
    std::optional<Offset> sought{};  ///< Where the last `seek` led, until something was read from there.
    bool paused = false;
    std::optional<std::uint64_t> asked{};  ///< A round that must have been before `asked_from` is judged.
    Offset asked_from{};
  };

  explicit State(KafkaOptions options) : options_(std::move(options)) {}
  ~State() {
    // Both leave work to the watch's threads, which have to end before the client that it asks with.
    producer_.reset();
    reader_.reset();
    watch_.reset();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Frames of `partition` below `end` are in the log.
  void reached(PartitionId partition, Offset end) {
    auto& known = partitions_[partition.value].end;
    if (end <= known) return;
    known = end;
    watch_->known(partition, end);
  }

  /// Whether a round that began after this was first asked of `from` is over. If not, one is under way.
  bool looked_at(Partition& partition, const TopicWatch::Place& place, Offset from) {
    if (!partition.asked || partition.asked_from != from) {
      partition.asked = watch_->ask();
      partition.asked_from = from;
      return false;
    }
    return place.round >= *partition.asked;
  }

  std::string name(PartitionId partition) const {
    return "partition " + std::to_string(partition.value) + " of topic " + options_.topic;
  }

  const KafkaOptions options_;
  LogIdentity identity_;
  std::size_t frame_bytes_max_ = 0;
  KafkaClient client_;  ///< Reads, and asks.
  std::unique_ptr<TopicWatch> watch_;
  std::unique_ptr<KafkaReader> reader_;
  std::unique_ptr<KafkaProducer> producer_;
  std::vector<Partition> partitions_;
  std::int64_t partitions_asked_at_ = 0;  ///< When the cluster was asked how many there are; by the steady clock.
};

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(KafkaOptions options) {
  if (auto fine = check_options(options); !fine) return std::unexpected(fine.error());
  auto state = std::make_unique<State>(std::move(options));
  const auto& set = state->options_;
  const auto until = Clock::now() + std::chrono::milliseconds(set.start_timeout_ms);
  auto client = make_kafka_client(RD_KAFKA_CONSUMER, set, kafka_reader_settings(set), 0);
  if (!client) return std::unexpected(client.error());
  state->client_ = std::move(*client);

  KafkaAdmin admin(state->client_.get(), set);
  auto topic = find_topic(admin, set, until);
  if (!topic) return std::unexpected(topic.error());
  if (auto fine = judge(set, *topic); !fine) return std::unexpected(fine.error());
  std::int64_t asked_at = 0;
  const auto bounds = insist(until, [&]() -> Result<std::vector<LogBounds>> {
    asked_at = steady_ms();
    const auto found = admin.bounds(topic->partitions);
    if (!found) return std::unexpected(found.error());
    std::vector<LogBounds> all;
    for (const auto& each : *found) {
      if (!each) return busy("topic " + set.topic + ": a partition's leader does not answer", set.refresh_ms);
      all.push_back(*each);
    }
    return all;
  });
  if (!bounds) return std::unexpected(bounds.error());

  state->identity_ = set.known ? *set.known : LogIdentity{.random = topic->id, .generation = set.generation};
  state->frame_bytes_max_ = std::min(frame_bytes_max(*topic), set.pending_bytes);
  state->partitions_.resize(topic->partitions);
  state->watch_ = std::make_unique<TopicWatch>(set, state->client_.get(), std::move(*topic), *bounds, asked_at);
  auto* watch = state->watch_.get();
  state->reader_ = std::make_unique<KafkaReader>(set, state->client_.get(),
                                                 [watch](std::function<void()> task) { watch->post(std::move(task)); });
  state->producer_ = std::make_unique<KafkaProducer>(
      set, [watch](KafkaClient old) { watch->post([shared = std::shared_ptr<rd_kafka_t>(std::move(old))] {}); });
  if (!set.only_read) {
    if (auto begun = state->producer_->start(); !begun) return std::unexpected(begun.error());
  }
  return std::unique_ptr<KafkaLog>(new KafkaLog(std::move(state)));
}

KafkaLog::KafkaLog(std::unique_ptr<State> state) : state_(std::move(state)) {}

KafkaLog::~KafkaLog() = default;

const LogIdentity& KafkaLog::identity() const { return state_->identity_; }
std::uint16_t KafkaLog::partitions() const { return static_cast<std::uint16_t>(state_->partitions_.size()); }
const KafkaOptions& KafkaLog::options() const { return state_->options_; }

std::int64_t KafkaLog::partitions_age_ms() const {
  return std::max<std::int64_t>(steady_ms() - state_->partitions_asked_at_, 0);
}

LogBounds KafkaLog::bounds(PartitionId partition) const {
  if (partition.value >= partitions()) return {};
  auto bounds = state_->watch_->place(partition).bounds;
  bounds.end = std::max(bounds.end, state_->partitions_[partition.value].end);
  return bounds;
}

std::int64_t KafkaLog::bounds_age_ms(PartitionId partition) const { return state_->watch_->bounds_age_ms(partition); }

std::size_t KafkaLog::room_bytes() const {
  if (state_->options_.only_read || state_->watch_->closed()) return 0;
  return state_->producer_->room_bytes();
}

std::size_t KafkaLog::group_bytes_max() const { return state_->frame_bytes_max_; }

Error KafkaLog::room_error() const {
  const auto why = closed();
  return why ? *why : state_->producer_->room_error();
}

std::optional<Error> KafkaLog::closed() const {
  auto why = state_->watch_->closed();
  if (!why) return std::nullopt;
  return Error{Code::kBusy, std::move(*why), state_->options_.check_ms};
}

Result<void> KafkaLog::submit(PartitionId partition, ByteView frame, std::uint64_t token) {
  if (state_->options_.only_read) return failure(Code::kRefused, "this log was opened for reading only");
  if (partition.value >= partitions() || frame.size() > kFrameBytesMax || frame_length(frame) != frame.size() ||
      frame_partition(frame) != partition) {
    return failure(Code::kRefused, "not a frame of partition " + std::to_string(partition.value));
  }
  if (frame.size() > group_bytes_max()) {
    return failure(Code::kTooLarge, "a frame of " + std::to_string(frame.size()) + " bytes; this log takes " +
                                        std::to_string(group_bytes_max()));
  }
  if (const auto damage = state_->watch_->damage()) return std::unexpected(*damage);
  if (frame.size() > room_bytes()) return std::unexpected(room_error());
  state_->producer_->queue(partition, frame, token);
  return {};
}

void KafkaLog::commit() { state_->producer_->commit(); }
bool KafkaLog::committing() const { return state_->producer_->committing(); }

void KafkaLog::take_completions(std::vector<LogCompletion>& out) {
  const auto found = state_->watch_->partitions();
  if (found.count > partitions()) state_->partitions_.resize(found.count);
  state_->partitions_asked_at_ = found.asked_at;
  for (const auto& wrong : {state_->watch_->damage(), state_->watch_->loss()}) {
    if (wrong && committing()) state_->producer_->give_up(wrong->what);
  }
  state_->producer_->take_completions(out,
                                      [this](PartitionId partition, Offset end) { state_->reached(partition, end); });
  if (const auto& lost = state_->producer_->lost()) {
    state_->watch_->lost(lost->partition, "gave offset " + std::to_string(lost->offset.value) +
                                              " to a frame that came after offset " +
                                              std::to_string(lost->before.value));
  }
}

Result<LogRead> KafkaLog::read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) {
  if (!partition || partition->value >= partitions()) {
    return failure(Code::kRefused, "this log is read by partition: its partitions have offsets of their own");
  }
  if (const auto damage = state_->watch_->damage()) return std::unexpected(*damage);
  const auto place = state_->watch_->place(*partition);
  if (place.damage) return std::unexpected(*place.damage);
  auto& mine = state_->partitions_[partition->value];
  const auto at = bounds(*partition);
  if (from < at.begin) {
    auto what = state_->name(*partition) + " begins with offset " + std::to_string(at.begin.value) + ": offset " +
                std::to_string(from.value) + " is not kept";
    if (mine.sought != from) return failure(Code::kRefused, what);
    return failure(Code::kDamaged, what +
                                       " and was not counted yet. Bring the frames back, or go on without them by "
                                       "`quipu log adopt`");
  }
  LogRead out;
  out.next = from;
  if (from > at.end) {
    // Others may have written since: believed when the cluster was asked after this call. An offset that the log is
    // known to have had is not refused but judged by the watch.
    if (state_->looked_at(mine, place, from) && mine.sought != from) {
      return failure(Code::kRefused, state_->name(*partition) + " ends before offset " + std::to_string(at.end.value) +
                                         ": there is no offset " + std::to_string(from.value) + " yet");
    }
    return out;
  }
  if (mine.paused) return out;
  if (auto done = state_->reader_->take(*partition, bytes_max, out); !done) {
    // Out of bounds by Kafka's word, though not by the last round's: the next round knows.
    if (done.error().code != Code::kTimeout) return std::unexpected(done.error());
    state_->watch_->ask();
    return out;
  }
  if (!out.frames.empty()) {
    mine.sought.reset();
    state_->reached(*partition, out.next);
  }
  return out;
}

void KafkaLog::allow_partition_trim(PartitionId partition, Offset offset) {
  if (!state_->options_.only_read && partition.value < partitions()) state_->watch_->trim(partition, offset);
}

void KafkaLog::seek(PartitionId partition, Offset next) {
  if (partition.value >= partitions()) state_->partitions_.resize(partition.value + std::size_t{1});
  auto& mine = state_->partitions_[partition.value];
  mine.sought = next;
  state_->watch_->known(partition, next);
  const auto at = bounds(partition);
  if (!mine.paused && next >= at.begin && next <= at.end) state_->reader_->want(partition, next);
}

void KafkaLog::known(PartitionId partition, Offset next) { state_->watch_->known(partition, next); }

void KafkaLog::pause(PartitionId partition, bool paused) {
  if (partition.value >= partitions()) return;
  state_->partitions_[partition.value].paused = paused;
  if (paused) state_->reader_->forget(partition);
}

void KafkaLog::forget(PartitionId partition) {
  if (partition.value >= partitions()) return;
  state_->partitions_[partition.value].paused = false;
  state_->partitions_[partition.value].sought.reset();
  state_->reader_->forget(partition);
}

Result<void> KafkaLog::health() const {
  if (const auto damage = state_->watch_->damage()) return std::unexpected(*damage);
  return {};
}

KafkaLogStats KafkaLog::stats() const {
  return {state_->producer_->rebuilt(), state_->watch_->silence(), state_->watch_->findings(),
          state_->watch_->silent_ms()};
}

}  // namespace quipu
