#include "kafka/topic_watch.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "kafka/steady_time.h"

namespace quipu {

namespace {

/// Two rounds that follow an `ask` are at least this far from each other.
constexpr std::int64_t kRoundPauseMs = 50;
/// How many rounds in a row must say that a topic is gone, or that a partition's end went back.
constexpr int kRoundsToBelieve = 2;

}  // namespace

TopicWatch::TopicWatch(const KafkaOptions& options, rd_kafka_t* client, KafkaTopicState found,
                       const std::vector<LogBounds>& bounds, std::int64_t asked_at)
    : options_(options),
      client_(client),
      admin_(client, options),
      checked_at_(steady_now_ms()),
      back_(bounds.size()),
      topic_(std::move(found)),
      known_(bounds.size()),
      findings_(judge_topic(options, topic_)),
      heard_at_(steady_now_ms()) {
  for (const auto& each : bounds) places_.push_back({each, 0, asked_at});
  errands_ = std::jthread([this](const std::stop_token& stop) { run_errands(stop); });
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TopicWatch::~TopicWatch() {
  thread_.request_stop();
  errands_.request_stop();
  thread_.join();
  errands_.join();
  for (const auto& task : tasks_) task();
}

TopicWatch::Place TopicWatch::place(PartitionId partition) const {
  const std::lock_guard lock(mutex_);
  return partition.value < places_.size() ? places_[partition.value] : Place{};
}

std::int64_t TopicWatch::bounds_age_ms(PartitionId partition) const {
  return std::max<std::int64_t>(steady_now_ms() - place(partition).asked_at, 0);
}

TopicWatch::Partitions TopicWatch::partitions() const {
  const std::lock_guard lock(mutex_);
  return {static_cast<std::uint16_t>(places_.size()), topic_asked_at_};
}

std::optional<Error> TopicWatch::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

std::vector<KafkaFinding> TopicWatch::findings() const {
  const std::lock_guard lock(mutex_);
  return findings_;
}

std::optional<Error> TopicWatch::loss() const {
  const std::lock_guard lock(mutex_);
  return loss_;
}

std::optional<std::string> TopicWatch::closed() const {
  const std::lock_guard lock(mutex_);
  if (damage_) return damage_->what;
  if (loss_) return loss_->what;
  const auto found = std::ranges::find(findings_, KafkaFinding::Kind::kUnsafe, &KafkaFinding::kind);
  if (found == findings_.end()) return std::nullopt;
  return found->what;
}

std::optional<std::string> TopicWatch::silence() const {
  const std::lock_guard lock(mutex_);
  return silence_;
}

std::int64_t TopicWatch::silent_ms() const {
  const std::lock_guard lock(mutex_);
  return std::max<std::int64_t>(steady_now_ms() - heard_at_, 0);
}

void TopicWatch::known(PartitionId partition, Offset end) {
  const std::lock_guard lock(mutex_);
  if (partition.value < known_.size()) known_[partition.value] = std::max(known_[partition.value], end);
}

void TopicWatch::lost(PartitionId partition, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (partition.value < places_.size()) found_loss(partition.value, what);
}

/// Under the mutex.
void TopicWatch::found_loss(std::size_t partition, const std::string& what) {
  auto& place = places_[partition];
  if (place.damage) return;
  place.damage = Error{Code::kDamaged,
                       "partition " + std::to_string(partition) + " of topic " + options_.topic + " " + what +
                           ": brokers have lost acknowledged frames (a power cut, an unclean election, a restored "
                           "copy). Bring the broker back that has them, or go on without them by `quipu log adopt`",
                       0};
  if (loss_) return;
  loss_ = place.damage;
  options_.say(loss_->what);
}

std::uint64_t TopicWatch::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_one();
  return rounds_begun_ + 1;
}

void TopicWatch::trim(PartitionId partition, Offset offset) {
  const std::lock_guard lock(mutex_);
  auto& below = trims_[partition];
  below = std::max(below, offset);
  asked_ = true;
  changed_.notify_one();
}

void TopicWatch::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  posted_.notify_one();
}

void TopicWatch::run(const std::stop_token& stop) {
  admin_.stop_with(stop);
  auto last_at = steady_now_ms();
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    const bool asked = asked_;
    const auto due = last_at + (asked ? std::min(kRoundPauseMs, options_.refresh_ms) : options_.refresh_ms);
    changed_.wait_until(lock, stop, std::chrono::steady_clock::time_point(std::chrono::milliseconds(due)),
                        [&] { return asked_ != asked; });
    lock.unlock();
    if (stop.stop_requested() || steady_now_ms() < due) continue;
    round();
    last_at = steady_now_ms();
    options_.wake();
  }
}

void TopicWatch::run_errands(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (posted_.wait(lock, stop, [&] { return !tasks_.empty(); })) {
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
    if (stop.stop_requested()) return;
  }
}

void TopicWatch::round() {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    asked_ = false;
    number = ++rounds_begun_;
  }
  look_at_topic();
  if (damage()) return;
  look_at_bounds(number);
  if (steady_now_ms() - checked_at_ >= options_.check_ms) look_at_settings();
  trim_now();
}

void TopicWatch::damaged(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (damage_) return;
  damage_ = Error{Code::kDamaged,
                  what +
                      "; what it held is gone, the totals of it are in the store. `quipu log adopt` goes on with a "
                      "new log from those totals",
                  0};
}

void TopicWatch::heard() {
  const auto now = steady_now_ms();
  if (const auto silent = hearing_.answered(now)) {
    options_.say("topic " + options_.topic + ": brokers answer again, after " + std::to_string(*silent / 1'000) + " s");
  }
  const std::lock_guard lock(mutex_);
  heard_at_ = now;
}

void TopicWatch::unheard(std::int64_t asked_at, const Error& why) {
  if (why.code != Code::kTimeout) return heard();  // An answer, though not the one that was hoped for.
  const auto step = hearing_.unanswered(asked_at, steady_now_ms());
  if (step.search) give_brokers_again(client_, options_);
  if (step.tell) {
    options_.say("hears nothing from Kafka, and knows of no new frame: " + why.what + "; it goes on to look for it");
  }
}

void TopicWatch::look_at_topic() {
  const auto asked_at = steady_now_ms();
  const auto found = admin_.topic();
  found ? heard() : unheard(asked_at, found.error());
  gone_ = !found && found.error().code == Code::kNotFound ? gone_ + 1 : 0;
  if (gone_ >= kRoundsToBelieve) {
    damaged("topic " + options_.topic + " is gone: it was deleted");
    return;
  }
  if (!found) {
    const std::lock_guard lock(mutex_);
    silence_ = found.error().what;
    return;
  }
  std::string what;
  {
    const std::lock_guard lock(mutex_);
    silence_.reset();
    if (found->id != topic_.id) {
      what = "topic " + options_.topic + " is another one: it was deleted and made anew";
    } else if (found->partitions < places_.size()) {
      what = "topic " + options_.topic + " has " + std::to_string(found->partitions) + " partitions and had " +
             std::to_string(places_.size()) + ": it is another one";
    } else {
      topic_.partitions = found->partitions;
      topic_asked_at_ = asked_at;
      topic_.replication = found->replication;
      places_.resize(found->partitions);
      known_.resize(found->partitions);
      back_.resize(found->partitions);
    }
  }
  if (!what.empty()) damaged(what);
}

void TopicWatch::look_at_bounds(std::uint64_t number) {
  std::vector<Offset> known;
  {
    const std::lock_guard lock(mutex_);
    known = known_;  // As of before the question: an answer may not know what came after it.
  }
  const auto asked_at = steady_now_ms();
  const auto found = admin_.bounds(static_cast<std::uint16_t>(known.size()));
  // A leader that does not answer in time is left out of an answer that is none of the brokers'.
  const bool said = found && std::ranges::any_of(*found, [](const auto& bounds) { return bounds.has_value(); });
  const Error why =
      found ? Error{Code::kTimeout, "no broker says where the partitions of topic " + options_.topic + " end", 0}
            : found.error();
  said ? heard() : unheard(asked_at, why);
  const std::lock_guard lock(mutex_);
  if (!found) {
    silence_ = why.what;
    return;
  }
  for (std::size_t p = 0; p < known.size(); ++p) {
    const auto& bounds = (*found)[p];
    if (!bounds) continue;
    auto& place = places_[p];
    place.bounds = *bounds;
    place.round = number;
    place.asked_at = asked_at;
    back_[p] = bounds->end < known[p] ? back_[p] + 1 : 0;
    known_[p] = std::max(known_[p], bounds->end);
    if (back_[p] < kRoundsToBelieve) continue;
    found_loss(p, "ends before offset " + std::to_string(bounds->end.value) + ", and frames up to " +
                      std::to_string(known[p].value - 1) + " were in it");
  }
}

void TopicWatch::look_at_settings() {
  auto settings = admin_.settings();
  checked_at_ = steady_now_ms();
  std::vector<std::string> news;
  {
    const std::lock_guard lock(mutex_);
    if (!settings) {
      silence_ = settings.error().what;
      return;
    }
    topic_.settings = std::move(*settings);
    const auto before = std::exchange(findings_, judge_topic(options_, topic_));
    for (const KafkaFinding& finding : findings_) {
      const bool known = std::ranges::find(before, finding.what, &KafkaFinding::what) != before.end();
      if (!known) news.push_back(finding.what);
    }
  }
  for (const std::string& what : news) options_.say(what);
}

void TopicWatch::trim_now() {
  std::map<PartitionId, Offset> below;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, offset] : trims_) {
      const auto p = partition.value;
      // Never above what is there: Kafka would refuse the whole order.
      if (p < places_.size() && places_[p].bounds.begin < std::min(offset, places_[p].bounds.end)) {
        below[partition] = std::min(offset, places_[p].bounds.end);
      }
    }
    if (below.empty()) {
      std::erase_if(trims_, [&](const auto& order) {
        return order.first.value >= places_.size() || order.second <= places_[order.first.value].bounds.begin;
      });
      return;
    }
  }
  const auto done = admin_.trim(below);
  const std::lock_guard lock(mutex_);
  if (!done) {
    silence_ = done.error().what;
  } else {
    asked_ = true;  // To learn where the partitions begin now.
  }
}

}  // namespace quipu
