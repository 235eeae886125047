#include "cache/redis_cache.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "base/check.h"
#include "cache/redis_connection.h"
#include "cache/redis_dialogue.h"
#include "cache/redis_requests.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kBackoffMinMs = 50;
constexpr std::int64_t kBackoffMaxMs = 2'000;

struct FillRequest {
  std::vector<CounterKey> keys;
  RowBatch rows;
  TimeMs as_of = 0;
};
struct UpdateRequest {
  RowBatch rows;
};
using Request = std::variant<CacheGet, FillRequest, UpdateRequest>;

std::size_t bytes_of(const std::vector<CounterKey>& keys) {
  std::size_t bytes = 0;
  for (const CounterKey& key : keys) bytes += sizeof(key) + key.space.size() + key.counter.size();
  return bytes;
}

std::size_t rows_of(const Request& request) {
  if (const auto* fill = std::get_if<FillRequest>(&request)) return fill->rows.size();
  if (const auto* update = std::get_if<UpdateRequest>(&request)) return update->rows.size();
  return 0;
}

struct Waiting {
  Request request;
  std::size_t bytes = 0;
  Clock::time_point given_at;
};

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
  void give(Request request, std::size_t bytes);
  void take(std::vector<CacheAnswer>& out);
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
  Result<void> exchange();
  void say(Waiting waiting);
  void answered(const RedisGet& get);
  void missed(Waiting waiting);
  void let_in();
  void answer_late();
  void leave(const std::string& why);
  void drop_waiting();
  void wait();
  void count_failures(std::uint64_t count) {
    const std::scoped_lock lock(mutex_);
    stats_.failures += count;
  }
  void count_dropped(std::size_t rows) {
    const std::scoped_lock lock(mutex_);
    stats_.dropped += rows;
  }

  const RedisCacheOptions options_;
  const int bell_;

  // Used by the cache's thread.
  RedisDialogue dialogue_;
  std::deque<Waiting> ready_;
  std::int64_t backoff_ms_ = 0;
  Clock::time_point next_try_;

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
      dialogue_(options_, {[this](const RedisGet& get) { answered(get); }, [this] { let_in(); },
                           [this](std::uint64_t count) { count_failures(count); },
                           [this](std::size_t rows) { count_dropped(rows); }}) {
  QUIPU_CHECK(bell_ >= 0);
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

void RedisCache::State::give(Request request, std::size_t bytes) {
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_bytes_ > 0 && waiting_bytes_ + bytes > options_.waiting_bytes_max) {
      if (const auto* get = std::get_if<CacheGet>(&request)) {
        const std::size_t keys = get->keys.size();
        stats_.misses += keys;
        ++stats_.failures;
        answers_.push_back({get->token, std::vector(keys, CacheAnswer::State::kMiss), std::vector<TimeMs>(keys), {}});
      } else {
        stats_.dropped += rows_of(request);
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
    if (dialogue_.connection() == nullptr && Clock::now() >= next_try_) connect();
    if (dialogue_.connection() != nullptr) {
      if (auto exchanged = exchange(); !exchanged) leave(exchanged.error().what);
    }
    if (dialogue_.connection() == nullptr) drop_waiting();
    answer_late();
    wait();
  }
}

void RedisCache::State::connect() {
  auto made = RedisConnection::connect(options_.address);
  if (!made) return leave(made.error().what);
  dialogue_.begin(std::move(*made));
}

/// Reads what came, and sends what has room.
Result<void> RedisCache::State::exchange() {
  if (auto taken = dialogue_.take_replies(); !taken) return taken;
  while (!ready_.empty() && dialogue_.has_room()) {
    Waiting next = std::move(ready_.front());
    ready_.pop_front();
    {
      const std::scoped_lock lock(mutex_);
      waiting_bytes_ -= next.bytes;
    }
    say(std::move(next));
  }
  return dialogue_.flush();
}

void RedisCache::State::say(Waiting waiting) {
  if (auto* get = std::get_if<CacheGet>(&waiting.request)) {
    dialogue_.get(std::move(*get), waiting.given_at);
  } else if (const auto* fill = std::get_if<FillRequest>(&waiting.request)) {
    dialogue_.fill(fill->keys, fill->rows, fill->as_of);
  } else {
    dialogue_.update(std::get<UpdateRequest>(waiting.request).rows);
  }
}

void RedisCache::State::answered(const RedisGet& get) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    wake = answers_.empty();  // The owner takes all at once: one call is enough.
    answers_.push_back(answer_of(get, stats_));
  }
  if (wake) options_.wake();
}

/// A request that is not said any more.
void RedisCache::State::missed(Waiting waiting) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_bytes_ -= waiting.bytes;
    stats_.dropped += rows_of(waiting.request);
  }
  auto* get = std::get_if<CacheGet>(&waiting.request);
  if (get == nullptr) return;
  count_failures(1);
  const std::size_t keys = get->keys.size();
  answered({std::move(*get), std::vector<RedisEntry>(keys), 0, waiting.given_at, true});
}

void RedisCache::State::let_in() {
  backoff_ms_ = 0;
  const std::scoped_lock lock(mutex_);
  stats_.reachable = true;
  trouble_.clear();
}

/// Answers gets that are too old with what is known of them, and those that were not sent yet with nothing.
void RedisCache::State::answer_late() {
  const auto old = Clock::now() - milliseconds(options_.answer_timeout_ms);
  dialogue_.answer_late(old);
  const auto late = [old](const Waiting& waiting) {
    return std::holds_alternative<CacheGet>(waiting.request) && waiting.given_at <= old;
  };
  if (std::none_of(ready_.begin(), ready_.end(), late)) return;
  std::deque<Waiting> young;
  for (Waiting& waiting : ready_) {
    if (late(waiting)) {
      missed(std::move(waiting));
    } else {
      young.push_back(std::move(waiting));
    }
  }
  ready_ = std::move(young);
}

/// Gives the connection up, and tries again later.
void RedisCache::State::leave(const std::string& why) {
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kBackoffMinMs, kBackoffMaxMs);
  next_try_ = Clock::now() + milliseconds(backoff_ms_);
  {
    const std::scoped_lock lock(mutex_);
    stats_.reachable = false;
    ++stats_.failures;
    trouble_ = why;
  }
  dialogue_.end();
}

void RedisCache::State::drop_waiting() {
  for (Waiting& waiting : ready_) missed(std::move(waiting));
  ready_.clear();
}

void RedisCache::State::wait() {
  const auto* const connection = dialogue_.connection();
  auto until = Clock::now() + milliseconds(kBackoffMaxMs);
  if (connection == nullptr) until = std::min(until, next_try_);
  if (const auto silent = dialogue_.silent_at()) until = std::min(until, *silent);
  const auto due = [&](Clock::time_point given_at) {
    until = std::min(until, given_at + milliseconds(options_.answer_timeout_ms));
  };
  if (const auto oldest = dialogue_.oldest_get()) due(*oldest);
  const auto first = std::find_if(ready_.begin(), ready_.end(), [](const Waiting& waiting) {
    return std::holds_alternative<CacheGet>(waiting.request);
  });
  if (first != ready_.end()) due(first->given_at);
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count() + 1;
  std::array<pollfd, 2> polled{{{bell_, POLLIN, 0}, {-1, 0, 0}}};
  if (connection != nullptr) {
    const bool sending = connection->unsent() > 0;
    polled[1] = {connection->socket(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
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
  state_->give(std::move(get), bytes);
}

void RedisCache::take_answers(std::vector<CacheAnswer>& out) { state_->take(out); }

void RedisCache::fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) {
  state_->give(FillRequest{keys, rows, as_of}, bytes_of(keys) + rows.bytes());
}

void RedisCache::update(const RowBatch& rows) { state_->give(UpdateRequest{rows}, rows.bytes()); }
TotalsCache::Stats RedisCache::stats() const { return state_->stats(); }
std::string RedisCache::trouble() const { return state_->trouble(); }

}  // namespace quipu
