#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "cache/redis_cache.h"
#include "cache/redis_connection.h"
#include "cache/redis_requests.h"

namespace quipu {

/// What the cache says to Redis, over one connection after another, and what it makes of the replies.
///
///   begin: login, database, scripts ─► let in ─► get: HGETALL each ─ missed ─► lease ─► answered
///                                             └► fill, update: scripts
///
/// Replies come in the order of the commands. Thread: the cache's.
class RedisDialogue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// What it tells the cache.
  struct Told {
    std::function<void(const RedisGet&)> answered;  ///< Once for each get, with what is known of it by then.
    std::function<void()> let_in;                   ///< The server answers this process.
    std::function<void(std::uint64_t)> failed;      ///< So many requests got an error, or no answer in time.
    std::function<void(std::size_t)> dropped;       ///< So many rows of a fill were not taken.
  };

  /// `options` must outlive it.
  RedisDialogue(const RedisCacheOptions& options, Told told);

  void begin(std::unique_ptr<RedisConnection> connection);
  /// Gives the connection up. What has no answer is answered with what is known; changes are not sent again: what was
  /// flushed meanwhile is newer.
  void end();
  /// Null between `end` and `begin`.
  const RedisConnection* connection() const { return connection_.get(); }

  /// Takes in what has come. An error: the connection is good for nothing, or the server does not let this process in.
  Result<void> take_replies();
  /// Whether a request may be said now: the server has let this process in, and not too much is without a reply.
  bool has_room() const;
  void get(CacheGet asked, Time given_at);
  void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of);
  void update(const RowBatch& rows);
  /// Sends what the socket takes. An error: it can not, or the server has been silent for too long.
  Result<void> flush();

  /// Answers gets that were given at `old` or before. Later replies to them change nothing.
  void answer_late(Time old);
  /// When the oldest get was given that has no answer.
  std::optional<Time> oldest_get() const;
  /// When the server is silent for too long, if it says nothing before.
  std::optional<Time> silent_at() const;

 private:
  /// What a reply is the answer to.
  struct Sent {
    enum class Kind : std::uint8_t { kSetup, kScript, kGet, kLease, kFill, kUpdate };
    Kind kind = Kind::kSetup;
    std::list<RedisGet>::iterator get;  // kGet, kLease.
    std::vector<std::size_t> keys;      // Of the get: one with kGet, all that were missed with kLease.
    std::size_t script = 0;             // kScript.
    std::size_t rows = 0;               // kFill.
  };

  void load_scripts();
  void lease(std::list<RedisGet>::iterator get);
  void put(const std::string& command, Sent sent);
  Result<void> take_reply(const redisReply* reply);
  void take_script(const Sent& sent, const redisReply* reply);
  void take_entry(const Sent& sent, const redisReply* reply);
  void take_leases(const Sent& sent, const redisReply* reply);
  void answer(RedisGet& get);

  const RedisCacheOptions& options_;
  const Told told_;
  std::unique_ptr<RedisConnection> connection_;
  bool let_in_ = false;   // Over this connection.
  bool loading_ = false;  // Scripts are under way.
  std::deque<Sent> sent_;
  std::list<RedisGet> gets_;  // Oldest first.
  RedisLeases leases_;
  std::array<std::string, 3> digests_;
  std::string lease_name_;  // Random, of this process.
  std::uint64_t lease_number_ = 0;
  Time heard_at_;
};

}  // namespace quipu
