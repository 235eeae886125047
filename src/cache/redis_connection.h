#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct redisReader;  // NOLINT(readability-identifier-naming): as hiredis calls it.
struct redisReply;   // NOLINT(readability-identifier-naming)

namespace quipu {

/// A reply of hiredis, owned.
using RedisReply = std::unique_ptr<redisReply, void (*)(redisReply*)>;

/// A socket to Redis that never waits: bytes out, replies in. After an error it is good for nothing.
///
/// Thread: one at a time. A host's name is resolved at `connect`, which takes as long as the resolver does.
class RedisConnection {
 public:
  /// Replies that are not complete may take so many bytes; a server that sends more is left.
  static constexpr std::size_t kReplyBytesMax = std::size_t{64} << 20;
  /// A reply that declares more elements is refused before anything is allocated for them. The longest that is asked
  /// for is a counter's hash: two elements a shard, and some. This is room for 1,024 partitions in 500 generations, in
  /// 8 MiB.
  static constexpr std::size_t kReplyElementsMax = std::size_t{1} << 20;

  /// Begins to connect to `host:port`. kRefused when that is no address.
  static Result<std::unique_ptr<RedisConnection>> connect(const std::string& address);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  void put(std::string_view command) { out_.append(command); }
  /// Sends what the socket takes.
  Result<void> flush();
  /// Reads what is there.
  Result<void> fill();
  /// The next whole reply; null when there is none yet. The error: what came is no reply, or one that nobody asked for.
  Result<RedisReply> next();

  int socket() const { return socket_; }
  std::size_t unsent() const { return out_.size() - sent_; }

 private:
  RedisConnection(int socket, std::string address);

  int socket_;
  std::string address_;
  std::string out_;
  std::size_t sent_ = 0;
  bool too_many_ = false;  // A reply has said that it has more elements than it may have.
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
};

}  // namespace quipu
