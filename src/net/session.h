#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/identifiers.h"

namespace quipu {

/// Replies in order, each held until what it shows is durable.
///
///   append ─► [ reply | reply | reply ... ] ─► releasable(durable) ─► consumed
///
/// Pure. Bounded by its owner: a session stops parsing while `size()` is above its limit.
class HeldOutput {
 public:
  /// Where reply bytes are appended; call `hold` afterwards.
  std::string& buffer() { return bytes_; }

  /// Everything appended since the last call leaves only when the log is durable up to `durable_at` (kNoOffset: at
  /// once, but behind what stands before it). `replies` is how many requests that answers.
  void hold(Offset durable_at, std::uint32_t replies);

  /// The bytes that may leave now.
  std::string_view releasable(Offset durable) const;
  /// The first `size` bytes have left.
  void consumed(std::size_t size);
  /// Drops all that may not leave yet and returns how many replies that was: they must be answered as unknown.
  std::uint32_t drop_held(Offset durable);

  std::size_t size() const { return bytes_.size() - begin_; }
  /// The memory that this takes.
  std::size_t held_bytes() const { return bytes_.capacity() + marks_.size() * sizeof(Mark); }
  bool empty() const { return size() == 0; }

 private:
  struct Mark {
    std::size_t end;
    Offset durable_at;
    std::uint32_t replies;
  };
  std::string bytes_;
  std::size_t begin_ = 0;
  std::deque<Mark> marks_;
};

/// One client's dialogue: bytes in, bytes out, no socket. HTTP and RESP are two of these.
class Session {
 public:
  virtual ~Session() = default;

  /// Offers all bytes that have arrived and were not used yet; answers how many are used up now. Parses every whole
  /// request that is there and applies them as one batch. `bytes` must stay where they are until `busy()` is false.
  virtual std::size_t receive(std::string_view bytes) = 0;

  /// A batch is parked in the engine: offer no more bytes until `on_ready` was called.
  virtual bool busy() const = 0;

  /// The dialogue is over: when the output has left, close.
  virtual bool closing() const = 0;

  /// The log failed: replaces every reply that is still held by "unknown" and closes.
  virtual void fail_held(Offset durable) = 0;

  virtual HeldOutput& output() = 0;

  /// The memory that is kept between two calls, beside the output: a batch under way, a request that is not whole.
  virtual std::size_t kept_bytes() const { return 0; }

  /// Called at every turn of the engine while it is busy: for what waits inside the dialogue. `now` is of a clock that
  /// does not jump, unlike the time of day. `on_ready` may be called from within.
  virtual void tick(TimeMs now) { static_cast<void>(now); }

  /// Whether bytes that were used up already began a request that is not whole yet.
  virtual bool mid_request() const { return false; }

  /// The request that began did not come to its end in time: says so in the protocol's words, and closes.
  virtual void timed_out() {}

  /// All clients together hold too much, and this one more than its share, so that it can not be read: says that the
  /// service is busy, in the protocol's words, and closes.
  virtual void too_crowded() {}

  /// There are too many connections: says that the service is busy, in the protocol's words, and closes. Called instead
  /// of `receive`.
  virtual void turned_away() {}

  /// Set by the connection before `receive`: above so many bytes of replies nothing more is parsed.
  std::size_t output_bytes_max = static_cast<std::size_t>(-1);
  /// Set by the connection before `receive`: memory is short, so requests are answered one by one.
  bool sparing = false;

  /// Set by the connection: called when a parked batch is done, from within the engine's step.
  std::function<void()> on_ready;
};

}  // namespace quipu
