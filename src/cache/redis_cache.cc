#include "cache/redis_cache.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/check.h"
#include "cache/redis_connection.h"
#include "cache/redis_requests.h"
#include "cache/redis_scripts.h"
#include "cache/redis_text.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kBackoffMinMs = 50;
constexpr std::int64_t kBackoffMaxMs = 2'000;
constexpr std::size_t kRowsEach = 64;  // Of one script: short enough not to hold other clients up.
constexpr std::size_t kUnsentBytesMax = std::size_t{1} << 20;

struct FillRequest {
  std::vector<CounterKey> keys;
  RowBatch rows;
};
struct UpdateRequest {
  RowBatch rows;
};
using Request = std::variant<CacheGet, FillRequest, UpdateRequest>;

std::int64_t steady_ms() { return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count(); }

std::size_t bytes_of(const std::vector<CounterKey>& keys) {
  std::size_t bytes = 0;
  for (const CounterKey& key : keys) bytes += sizeof(key) + key.space.size() + key.counter.size();
  return bytes;
}

struct Waiting {
  Request request;
  std::size_t bytes = 0;
  Clock::time_point given_at;
};

/// What a reply is the answer to.
struct Sent {
  enum class Kind : std::uint8_t { kSetup, kScript, kGet, kLease, kFill, kUpdate };
  Kind kind = Kind::kSetup;
  std::list<RedisGet>::iterator get;  // kGet, kLease.
  std::vector<std::size_t> keys;      // Of the get: one with kGet, all that were missed with kLease.
  std::size_t script = 0;             // kScript.
  std::size_t rows = 0;               // kFill.
};

constexpr std::array<const char*, 3> kScripts{kRedisLease, kRedisFill, kRedisUpdate};
constexpr std::size_t kLease = 0;
constexpr std::size_t kFill = 1;
constexpr std::size_t kUpdate = 2;

}  // namespace

class RedisCache::State {
 public:
  explicit State(RedisCacheOptions options);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void give(Request request, std::size_t bytes, std::size_t rows);
  void take(std::vector<CacheAnswer>& out);
  void set_now(TimeMs now) { now_ = now; }
  Stats stats() const {
    const std::scoped_lock lock(mutex_);
    return stats_;
  }
  std::string trouble() const {
    const std::scoped_lock lock(mutex_);
    return trouble_;
  }

 private:
  void run();
  void ring() const;
  void connect();
  void load_scripts();
  Result<void> exchange();
  void send(Waiting waiting);
  void send_get(CacheGet get, Clock::time_point given_at);
  void send_fill(const FillRequest& fill);
  void send_update(const UpdateRequest& update);
  void send_lease(std::list<RedisGet>::iterator get);
  void put(const std::string& command, Sent sent);
  void take_reply(const redisReply* reply);
  void take_entry(const Sent& sent, const redisReply* reply);
  void take_leases(const Sent& sent, const redisReply* reply);
  void answer(std::list<RedisGet>::iterator get);
  void finish(std::list<RedisGet>::iterator get);
  void answer_late();
  void leave(const std::string& why);
  void drop_waiting();
  void wait();
  void count_failure() {
    const std::scoped_lock lock(mutex_);
    ++stats_.failures;
  }

  const RedisCacheOptions options_;
  const int bell_;
  std::atomic<TimeMs> now_ = 0;

  // Used by the cache's thread.
  std::unique_ptr<RedisConnection> connection_;
  bool answered_ = false;  // The server has let this process in over this connection.
  bool loading_ = false;   // Scripts are under way.
  std::deque<Sent> sent_;
  std::list<RedisGet> gets_;  // Oldest first.
  std::deque<Waiting> ready_;
  RedisLeases leases_;
  std::array<std::string, kScripts.size()> digests_;
  std::string lease_name_;  // Random, of this process.
  std::uint64_t lease_number_ = 0;
  std::int64_t backoff_ms_ = 0;
  Clock::time_point next_try_;
  Clock::time_point heard_at_;

  // Under mutex_.
  mutable std::mutex mutex_;
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<CacheAnswer> answers_;
  Stats stats_;
  std::string trouble_;
  bool stopping_ = false;

  std::thread thread_;
};

RedisCache::State::State(RedisCacheOptions options)
    : options_(std::move(options)),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      leases_(options_.leases_max, options_.lease_ms) {
  QUIPU_CHECK(bell_ >= 0);
  std::uint64_t random = 0;
  QUIPU_CHECK(::getrandom(&random, sizeof(random), 0) == sizeof(random));
  lease_name_ = std::to_string(random) + ":";
}

RedisCache::State::~State() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  ring();
  if (thread_.joinable()) thread_.join();
  ::close(bell_);
}

void RedisCache::State::ring() const {
  const std::uint64_t one = 1;
  // It fails only where it rings already.
  [[maybe_unused]] const auto written = ::write(bell_, &one, sizeof(one));
}

void RedisCache::State::give(Request request, std::size_t bytes, std::size_t rows) {
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_bytes_ > 0 && waiting_bytes_ + bytes > options_.waiting_bytes_max) {
      if (const auto* get = std::get_if<CacheGet>(&request)) {
        const std::size_t keys = get->keys.size();
        stats_.misses += keys;
        ++stats_.failures;
        answers_.push_back({get->token, std::vector(keys, CacheAnswer::State::kMiss), {}, now_});
      } else {
        stats_.dropped += rows;
      }
      return;
    }
    waiting_bytes_ += bytes;
    waiting_.push_back({std::move(request), bytes, Clock::now()});
  }
  ring();
}

void RedisCache::State::take(std::vector<CacheAnswer>& out) {
  const std::scoped_lock lock(mutex_);
  std::move(answers_.begin(), answers_.end(), std::back_inserter(out));
  answers_.clear();
}

void RedisCache::State::run() {
  while (true) {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
      std::move(waiting_.begin(), waiting_.end(), std::back_inserter(ready_));
      waiting_.clear();
    }
    if (!connection_ && Clock::now() >= next_try_) connect();
    if (connection_) {
      if (auto exchanged = exchange(); !exchanged) leave(exchanged.error().what);
    }
    if (!connection_) drop_waiting();
    answer_late();
    wait();
  }
}

void RedisCache::State::connect() {
  auto made = RedisConnection::connect(options_.address);
  heard_at_ = Clock::now();
  answered_ = false;
  if (!made) {
    leave(made.error().what);
    return;
  }
  connection_ = std::move(*made);
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

void RedisCache::State::load_scripts() {
  loading_ = true;
  for (std::size_t at = 0; at < kScripts.size(); ++at) {
    put((RedisCommand(3) << "SCRIPT" << "LOAD" << kScripts.at(at)).take(), {Sent::Kind::kScript, {}, {}, at, 0});
  }
}

void RedisCache::State::put(const std::string& command, Sent sent) {
  if (sent_.empty()) heard_at_ = Clock::now();
  connection_->put(command);
  sent_.push_back(std::move(sent));
}

/// Reads what came, and sends what has room.
Result<void> RedisCache::State::exchange() {
  if (auto filled = connection_->fill(); !filled) return filled;
  while (true) {
    auto reply = connection_->next();
    if (!reply) return std::unexpected(reply.error());
    if (!*reply) break;
    if (sent_.empty()) return busy("Redis sent a reply that nothing asked for", kBackoffMinMs);
    heard_at_ = Clock::now();
    take_reply(reply->get());
    if (!connection_) return {};
  }
  // Nothing goes out before the server has let this process in.
  while (answered_ && !ready_.empty() && sent_.size() < options_.in_flight_max &&
         connection_->unsent() < kUnsentBytesMax) {
    Waiting next = std::move(ready_.front());
    ready_.pop_front();
    {
      const std::scoped_lock lock(mutex_);
      waiting_bytes_ -= next.bytes;
    }
    send(std::move(next));
  }
  if (auto flushed = connection_->flush(); !flushed) return flushed;
  if (!sent_.empty() && Clock::now() - heard_at_ > milliseconds(options_.stall_timeout_ms)) {
    return busy(
        "Redis at " + options_.address + " has been silent for " + std::to_string(options_.stall_timeout_ms) + " ms",
        kBackoffMinMs);
  }
  return {};
}

void RedisCache::State::send(Waiting waiting) {
  if (auto* get = std::get_if<CacheGet>(&waiting.request)) {
    send_get(std::move(*get), waiting.given_at);
  } else if (const auto* fill = std::get_if<FillRequest>(&waiting.request)) {
    send_fill(*fill);
  } else {
    send_update(std::get<UpdateRequest>(waiting.request));
  }
}

void RedisCache::State::send_get(CacheGet get, Clock::time_point given_at) {
  const std::size_t keys = get.keys.size();
  const auto at = gets_.insert(gets_.end(), {std::move(get), std::vector<RedisEntry>(keys), keys, given_at, false});
  if (keys == 0) {
    answer(at);
    finish(at);
    return;
  }
  for (std::size_t key = 0; key < keys; ++key) {
    const CounterKey& asked = at->asked.keys[key];
    put((RedisCommand(2) << "HGETALL" << redis_key(options_.prefix, asked.space, asked.counter)).take(),
        {Sent::Kind::kGet, at, {key}, 0, 0});
  }
}

void RedisCache::State::send_lease(std::list<RedisGet>::iterator get) {
  Sent sent{Sent::Kind::kLease, get, {}, 0, 0};
  for (std::size_t key = 0; key < get->entries.size(); ++key) {
    const auto state = get->entries[key].state;
    if (state == RedisEntry::State::kNone || state == RedisEntry::State::kDamaged) sent.keys.push_back(key);
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

void RedisCache::State::send_fill(const FillRequest& fill) {
  std::unordered_map<std::string, std::vector<const RowBatch::Item*>> rows;
  for (const CounterKey& key : fill.keys) rows[redis_key(options_.prefix, key.space, key.counter)];
  for (const RowBatch::Item& item : fill.rows.items()) {
    const auto at = rows.find(redis_key(options_.prefix, fill.rows.space(item), fill.rows.counter(item)));
    if (at != rows.end()) at->second.push_back(&item);
  }
  for (const auto& [key, items] : rows) {
    RedisCommand command(8 + 2 * items.size());
    command << "EVALSHA" << digests_.at(kFill) << "1" << key << leases_.take(key, steady_ms()) << std::to_string(now_)
            << std::to_string(options_.ttl_ms) << std::to_string(options_.absent_ms);
    for (const auto* item : items) command << redis_field(item->shard) << redis_value(item->row);
    put(command.take(), {Sent::Kind::kFill, {}, {}, 0, items.size()});
  }
}

void RedisCache::State::send_update(const UpdateRequest& update) {
  const auto& items = update.rows.items();
  for (std::size_t from = 0; from < items.size(); from += kRowsEach) {
    const auto to = std::min(from + kRowsEach, items.size());
    RedisCommand command(4 + 3 * (to - from));
    command << "EVALSHA" << digests_.at(kUpdate) << std::to_string(to - from);
    for (auto at = from; at < to; ++at) {
      command << redis_key(options_.prefix, update.rows.space(items[at]), update.rows.counter(items[at]));
    }
    command << std::to_string(now_);
    for (auto at = from; at < to; ++at) command << redis_field(items[at].shard) << redis_value(items[at].row);
    put(command.take(), {Sent::Kind::kUpdate, {}, {}, 0, 0});
  }
}

void RedisCache::State::take_reply(const redisReply* reply) {
  const Sent sent = std::move(sent_.front());
  sent_.pop_front();
  if (reply->type == REDIS_REPLY_ERROR) {
    const std::string_view what(reply->str, static_cast<std::size_t>(reply->len));
    if (sent.kind == Sent::Kind::kSetup || sent.kind == Sent::Kind::kScript) {
      leave("Redis at " + options_.address + ": " + std::string(what));
      return;
    }
    count_failure();
    if (what.starts_with("NOSCRIPT") && !loading_) load_scripts();  // After SCRIPT FLUSH.
  }
  switch (sent.kind) {
    case Sent::Kind::kSetup:
      return;
    case Sent::Kind::kScript: {
      if (reply->type == REDIS_REPLY_STRING)
        digests_.at(sent.script).assign(reply->str, static_cast<std::size_t>(reply->len));
      if (sent.script + 1 < kScripts.size()) return;
      loading_ = false;
      answered_ = true;
      backoff_ms_ = 0;
      const std::scoped_lock lock(mutex_);
      stats_.reachable = true;
      trouble_.clear();
      return;
    }
    case Sent::Kind::kGet:
      take_entry(sent, reply);
      return;
    case Sent::Kind::kLease:
      take_leases(sent, reply);
      return;
    case Sent::Kind::kFill: {
      const std::scoped_lock lock(mutex_);
      if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0) stats_.dropped += sent.rows;
      return;
    }
    case Sent::Kind::kUpdate: {
      const std::scoped_lock lock(mutex_);
      if (reply->type == REDIS_REPLY_INTEGER) stats_.failures += static_cast<std::uint64_t>(reply->integer);
      return;
    }
  }
}

void RedisCache::State::take_entry(const Sent& sent, const redisReply* reply) {
  RedisEntry& entry = sent.get->entries[sent.keys.front()];
  if (reply->type == REDIS_REPLY_ARRAY) {
    std::vector<std::string_view> hash;
    for (std::size_t at = 0; at < reply->elements; ++at) {
      const redisReply* word = reply->element[at];
      hash.emplace_back(word->str == nullptr ? "" : word->str, static_cast<std::size_t>(word->len));
    }
    entry = read_redis_entry(hash);
    if (entry.state == RedisEntry::State::kDamaged) count_failure();
  } else {
    entry.state = RedisEntry::State::kDamaged;  // Another type: the error is counted.
  }
  if (--sent.get->left > 0) return;
  const bool missed = std::any_of(sent.get->entries.begin(), sent.get->entries.end(), [](const RedisEntry& one) {
    return one.state == RedisEntry::State::kNone || one.state == RedisEntry::State::kDamaged;
  });
  if (missed && !sent.get->answered) {
    send_lease(sent.get);
    return;
  }
  answer(sent.get);
  finish(sent.get);
}

void RedisCache::State::take_leases(const Sent& sent, const redisReply* reply) {
  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == sent.keys.size()) {
    for (std::size_t at = 0; at < reply->elements; ++at) {
      const redisReply* lease = reply->element[at];
      const CounterKey& key = sent.get->asked.keys[sent.keys[at]];
      if (lease->type == REDIS_REPLY_STRING && !sent.get->answered) {
        leases_.keep(redis_key(options_.prefix, key.space, key.counter),
                     {lease->str, static_cast<std::size_t>(lease->len)}, steady_ms());
      }
    }
  }
  answer(sent.get);
  finish(sent.get);
}

void RedisCache::State::answer(std::list<RedisGet>::iterator get) {
  if (std::exchange(get->answered, true)) return;
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    wake = answers_.empty();  // The owner takes all at once: one call is enough.
    answers_.push_back(answer_of(*get, now_, stats_));
  }
  if (wake) options_.wake();
}

void RedisCache::State::finish(std::list<RedisGet>::iterator get) { gets_.erase(get); }

/// Answers gets that are too old with what is known of them, and those that were not sent yet with nothing.
void RedisCache::State::answer_late() {
  const auto old = Clock::now() - milliseconds(options_.answer_timeout_ms);
  for (auto get = gets_.begin(); get != gets_.end() && get->given_at <= old; ++get) {
    if (get->answered) continue;
    count_failure();
    answer(get);
  }
  const auto first = std::find_if(ready_.begin(), ready_.end(), [](const Waiting& waiting) {
    return std::holds_alternative<CacheGet>(waiting.request);
  });
  if (first == ready_.end() || first->given_at > old) return;
  std::deque<Waiting> young;
  for (Waiting& waiting : ready_) {
    auto* get = std::get_if<CacheGet>(&waiting.request);
    if (get == nullptr || waiting.given_at > old) {
      young.push_back(std::move(waiting));
      continue;
    }
    count_failure();
    const std::size_t keys = get->keys.size();
    gets_.push_back({std::move(*get), std::vector<RedisEntry>(keys), 0, waiting.given_at, false});
    const auto at = std::prev(gets_.end());
    answer(at);
    finish(at);
    const std::scoped_lock lock(mutex_);
    waiting_bytes_ -= waiting.bytes;
  }
  ready_ = std::move(young);
}

/// Gives the connection up: gets are missed, changes are dropped. They are not sent again: what was flushed meanwhile
/// is newer.
void RedisCache::State::leave(const std::string& why) {
  connection_.reset();
  sent_.clear();
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kBackoffMinMs, kBackoffMaxMs);
  next_try_ = Clock::now() + milliseconds(backoff_ms_);
  {
    const std::scoped_lock lock(mutex_);
    stats_.reachable = false;
    ++stats_.failures;
    trouble_ = why;
  }
  for (auto get = gets_.begin(); get != gets_.end(); ++get) answer(get);
  gets_.clear();
}

void RedisCache::State::drop_waiting() {
  for (Waiting& waiting : ready_) {
    {
      const std::scoped_lock lock(mutex_);
      waiting_bytes_ -= waiting.bytes;
      if (const auto* fill = std::get_if<FillRequest>(&waiting.request)) stats_.dropped += fill->rows.size();
      if (const auto* update = std::get_if<UpdateRequest>(&waiting.request)) stats_.dropped += update->rows.size();
    }
    if (auto* get = std::get_if<CacheGet>(&waiting.request)) {
      count_failure();
      const std::size_t keys = get->keys.size();
      gets_.push_back({std::move(*get), std::vector<RedisEntry>(keys), 0, waiting.given_at, false});
      answer(std::prev(gets_.end()));
      finish(std::prev(gets_.end()));
    }
  }
  ready_.clear();
}

void RedisCache::State::wait() {
  auto until = Clock::now() + milliseconds(kBackoffMaxMs);
  if (!connection_) until = std::min(until, next_try_);
  if (connection_ && !sent_.empty()) until = std::min(until, heard_at_ + milliseconds(options_.stall_timeout_ms));
  const auto due = [&](Clock::time_point given_at) {
    until = std::min(until, given_at + milliseconds(options_.answer_timeout_ms));
  };
  for (const RedisGet& get : gets_) {
    if (get.answered) continue;
    due(get.given_at);
    break;
  }
  for (const Waiting& waiting : ready_) {
    if (!std::holds_alternative<CacheGet>(waiting.request)) continue;
    due(waiting.given_at);
    break;
  }
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count() + 1;
  std::array<pollfd, 2> polled{{{bell_, POLLIN, 0}, {-1, 0, 0}}};
  if (connection_) {
    const bool sending = connection_->unsent() > 0;
    polled[1] = {connection_->socket(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
  }
  ::poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
  if (polled[0].revents != 0) {
    std::uint64_t rung = 0;
    [[maybe_unused]] const auto read = ::read(bell_, &rung, sizeof(rung));
  }
}

RedisCache::RedisCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
RedisCache::~RedisCache() = default;

Result<std::unique_ptr<RedisCache>> RedisCache::open(RedisCacheOptions options) {
  const auto colon = options.address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == options.address.size()) {
    return failure(Code::kRefused, "'" + options.address + "' is no address of Redis: host:port");
  }
  for (const auto& [name, value] : {std::pair{"ttl_ms", options.ttl_ms},
                                    {"absent_ms", options.absent_ms},
                                    {"lease_ms", options.lease_ms},
                                    {"answer_timeout_ms", options.answer_timeout_ms},
                                    {"stall_timeout_ms", options.stall_timeout_ms}}) {
    if (value < 1) return failure(Code::kRefused, std::string(name) + " of the Redis cache must be at least 1 ms");
  }
  auto state = std::make_unique<State>(std::move(options));
  state->start();
  return std::unique_ptr<RedisCache>(new RedisCache(std::move(state)));
}

void RedisCache::get(CacheGet get) {
  const auto bytes = bytes_of(get.keys) + sizeof(CacheGet);
  state_->give(std::move(get), bytes, 0);
}

void RedisCache::take_answers(std::vector<CacheAnswer>& out) { state_->take(out); }

void RedisCache::fill(const std::vector<CounterKey>& keys, const RowBatch& rows) {
  state_->give(FillRequest{keys, rows}, bytes_of(keys) + rows.bytes(), rows.size());
}

void RedisCache::update(const RowBatch& rows) { state_->give(UpdateRequest{rows}, rows.bytes(), rows.size()); }
void RedisCache::tick(TimeMs now) { state_->set_now(now); }
TotalsCache::Stats RedisCache::stats() const { return state_->stats(); }
std::string RedisCache::trouble() const { return state_->trouble(); }

}  // namespace quipu
