#include "cache/redis_dialogue.h"

#include <hiredis/hiredis.h>
#include <sys/random.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "cache/redis_scripts.h"
#include "cache/redis_text.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kRetryMs = 50;
constexpr std::size_t kRowsEach = 64;  // Of one script: short enough not to hold other clients up.
constexpr std::size_t kUnsentBytesMax = std::size_t{1} << 20;

constexpr std::array<const char*, 3> kScripts{kRedisLease, kRedisFill, kRedisUpdate};
constexpr std::size_t kLease = 0;
constexpr std::size_t kFill = 1;
constexpr std::size_t kUpdate = 2;

std::int64_t steady_ms() { return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count(); }

bool missed(const RedisEntry& entry) {
  return entry.state == RedisEntry::State::kNone || entry.state == RedisEntry::State::kDamaged;
}

std::uint64_t random_number() {
  std::uint64_t random = 0;
  QUIPU_CHECK(::getrandom(&random, sizeof(random), 0) == sizeof(random));
  return random;
}

std::string_view text_of(const redisReply& reply) {
  return {reply.str == nullptr ? "" : reply.str, static_cast<std::size_t>(reply.len)};
}

}  // namespace

RedisDialogue::RedisDialogue(const RedisCacheOptions& options, Told told)
    : options_(options),
      told_(std::move(told)),
      leases_(options.leases_max, options.lease_ms, random_number()),
      lease_name_(std::to_string(random_number()) + ":") {}

void RedisDialogue::begin(std::unique_ptr<RedisConnection> connection) {
  connection_ = std::move(connection);
  let_in_ = false;
  if (!options_.password.empty()) {
    RedisCommand auth(options_.user.empty() ? 2 : 3);
    auth << "AUTH";
    if (!options_.user.empty()) auth << options_.user;
    auth << options_.password;
    put(auth.take(), {Sent::Kind::kSetup, {}, {}, 0, 0});
  }
  if (options_.database != 0) {
    put((RedisCommand(2) << "SELECT" << std::to_string(options_.database)).take(), {Sent::Kind::kSetup, {}, {}, 0, 0});
  }
  load_scripts();
}

void RedisDialogue::end() {
  connection_.reset();
  sent_.clear();
  for (RedisGet& get : gets_) answer(get);
  gets_.clear();
}

void RedisDialogue::load_scripts() {
  loading_ = true;
  for (std::size_t at = 0; at < kScripts.size(); ++at) {
    put((RedisCommand(3) << "SCRIPT" << "LOAD" << kScripts.at(at)).take(), {Sent::Kind::kScript, {}, {}, at, 0});
  }
}

void RedisDialogue::put(const std::string& command, Sent sent) {
  if (sent_.empty()) heard_at_ = Clock::now();
  connection_->put(command);
  sent_.push_back(std::move(sent));
}

// What it says.

bool RedisDialogue::has_room() const {
  return let_in_ && sent_.size() < options_.in_flight_max && connection_->unsent() < kUnsentBytesMax;
}

void RedisDialogue::get(CacheGet asked, Time given_at) {
  const std::size_t keys = asked.keys.size();
  const auto get = gets_.insert(gets_.end(), {std::move(asked), std::vector<RedisEntry>(keys), keys, given_at, false});
  if (keys == 0) {
    answer(*get);
    gets_.erase(get);
    return;
  }
  for (std::size_t at = 0; at < keys; ++at) {
    const CounterKey& key = get->asked.keys[at];
    put((RedisCommand(2) << "HGETALL" << redis_key(options_.prefix, key.space, key.counter)).take(),
        {Sent::Kind::kGet, get, {at}, 0, 0});
  }
}

void RedisDialogue::lease(std::list<RedisGet>::iterator get) {
  Sent sent{Sent::Kind::kLease, get, {}, 0, 0};
  for (std::size_t key = 0; key < get->entries.size(); ++key) {
    if (missed(get->entries[key])) sent.keys.push_back(key);
  }
  RedisCommand command(5 + 2 * sent.keys.size());
  command << "EVALSHA" << digests_.at(kLease) << std::to_string(sent.keys.size());
  for (const auto key : sent.keys) {
    command << redis_key(options_.prefix, get->asked.keys[key].space, get->asked.keys[key].counter);
  }
  command << lease_name_ + std::to_string(++lease_number_) << std::to_string(options_.lease_ms);
  for (const auto key : sent.keys) {
    command << (get->entries[key].state == RedisEntry::State::kDamaged ? "1" : "0");
  }
  get->left = 1;
  put(command.take(), std::move(sent));
}

void RedisDialogue::fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) {
  std::unordered_map<std::string, std::vector<const RowBatch::Item*>, SeededHasher> of_key(keys.size(),
                                                                                           leases_.hasher());
  for (const CounterKey& key : keys) of_key[redis_key(options_.prefix, key.space, key.counter)];
  for (const RowBatch::Item& item : rows.items()) {
    const auto at = of_key.find(redis_key(options_.prefix, rows.space(item), rows.counter(item)));
    if (at != of_key.end()) at->second.push_back(&item);
  }
  for (const auto& [key, items] : of_key) {
    RedisCommand command(8 + 2 * items.size());
    command << "EVALSHA" << digests_.at(kFill) << "1" << key << leases_.take(key, steady_ms()) << std::to_string(as_of)
            << std::to_string(options_.ttl_ms) << std::to_string(options_.absent_ms);
    for (const auto* item : items) command << redis_field(item->shard) << redis_value(item->row);
    put(command.take(), {Sent::Kind::kFill, {}, {}, 0, items.size()});
  }
}

void RedisDialogue::update(const RowBatch& rows) {
  const auto& items = rows.items();
  for (std::size_t from = 0; from < items.size(); from += kRowsEach) {
    const auto to = std::min(from + kRowsEach, items.size());
    RedisCommand command(3 + 3 * (to - from));
    command << "EVALSHA" << digests_.at(kUpdate) << std::to_string(to - from);
    for (auto at = from; at < to; ++at) {
      command << redis_key(options_.prefix, rows.space(items[at]), rows.counter(items[at]));
    }
    for (auto at = from; at < to; ++at) command << redis_field(items[at].shard) << redis_value(items[at].row);
    put(command.take(), {Sent::Kind::kUpdate, {}, {}, 0, 0});
  }
}

Result<void> RedisDialogue::flush() {
  if (auto flushed = connection_->flush(); !flushed) return flushed;
  if (const auto at = silent_at(); !at || Clock::now() <= *at) return {};
  return busy(
      "Redis at " + options_.address + " has been silent for " + std::to_string(options_.stall_timeout_ms) + " ms",
      kRetryMs);
}

// What it hears.

Result<void> RedisDialogue::take_replies() {
  if (auto filled = connection_->fill(); !filled) return filled;
  while (true) {
    const auto reply = connection_->next();
    if (!reply) return std::unexpected(reply.error());
    if (!*reply) return {};
    if (sent_.empty()) return busy("Redis sent a reply that nothing asked for", kRetryMs);
    heard_at_ = Clock::now();
    if (auto taken = take_reply(reply->get()); !taken) return taken;
  }
}

Result<void> RedisDialogue::take_reply(const redisReply* reply) {
  const Sent sent = std::move(sent_.front());
  sent_.pop_front();
  if (reply->type == REDIS_REPLY_ERROR) {
    const auto what = text_of(*reply);
    if (sent.kind == Sent::Kind::kSetup || sent.kind == Sent::Kind::kScript) {
      return busy("Redis at " + options_.address + ": " + std::string(what), kRetryMs);
    }
    told_.failed(1);
    if (what.starts_with("NOSCRIPT") && !loading_) load_scripts();  // After SCRIPT FLUSH.
  }
  switch (sent.kind) {
    case Sent::Kind::kSetup:
      break;
    case Sent::Kind::kScript:
      take_script(sent, reply);
      break;
    case Sent::Kind::kGet:
      take_entry(sent, reply);
      break;
    case Sent::Kind::kLease:
      take_leases(sent, reply);
      break;
    case Sent::Kind::kFill:
      if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0) told_.dropped(sent.rows);
      break;
    case Sent::Kind::kUpdate:
      if (reply->type == REDIS_REPLY_INTEGER) told_.failed(static_cast<std::uint64_t>(reply->integer));
      break;
  }
  return {};
}

void RedisDialogue::take_script(const Sent& sent, const redisReply* reply) {
  if (reply->type == REDIS_REPLY_STRING) digests_.at(sent.script) = text_of(*reply);
  if (sent.script + 1 < kScripts.size()) return;
  loading_ = false;
  let_in_ = true;
  told_.let_in();
}

void RedisDialogue::take_entry(const Sent& sent, const redisReply* reply) {
  RedisGet& get = *sent.get;
  RedisEntry& entry = get.entries[sent.keys.front()];
  if (reply->type == REDIS_REPLY_ARRAY) {
    std::vector<std::string_view> hash;
    for (std::size_t at = 0; at < reply->elements; ++at) hash.push_back(text_of(*reply->element[at]));
    entry = read_redis_entry(hash);
    if (entry.state == RedisEntry::State::kDamaged) told_.failed(1);
  } else {
    entry.state = RedisEntry::State::kDamaged;  // Another type: the error is counted.
  }
  if (--get.left > 0) return;
  if (!get.answered && std::any_of(get.entries.begin(), get.entries.end(), missed)) return lease(sent.get);
  answer(get);
  gets_.erase(sent.get);
}

void RedisDialogue::take_leases(const Sent& sent, const redisReply* reply) {
  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == sent.keys.size() && !sent.get->answered) {
    for (std::size_t at = 0; at < reply->elements; ++at) {
      if (reply->element[at]->type != REDIS_REPLY_STRING) continue;
      const CounterKey& key = sent.get->asked.keys[sent.keys[at]];
      leases_.keep(redis_key(options_.prefix, key.space, key.counter), std::string(text_of(*reply->element[at])),
                   steady_ms());
    }
  }
  answer(*sent.get);
  gets_.erase(sent.get);
}

void RedisDialogue::answer(RedisGet& get) {
  if (!std::exchange(get.answered, true)) told_.answered(get);
}

// What it waits for.

void RedisDialogue::answer_late(Time old) {
  for (auto get = gets_.begin(); get != gets_.end() && get->given_at <= old; ++get) {
    if (get->answered) continue;
    told_.failed(1);
    answer(*get);
  }
}

std::optional<RedisDialogue::Time> RedisDialogue::oldest_get() const {
  const auto oldest = std::find_if(gets_.begin(), gets_.end(), [](const RedisGet& get) { return !get.answered; });
  if (oldest == gets_.end()) return std::nullopt;
  return oldest->given_at;
}

std::optional<RedisDialogue::Time> RedisDialogue::silent_at() const {
  if (!connection_ || sent_.empty()) return std::nullopt;
  return heard_at_ + milliseconds(options_.stall_timeout_ms);
}

}  // namespace quipu
