#pragma once

#include <cstddef>

#include "net/limits.h"

namespace quipu {

/// The memory that is held for all clients of a process together, as its servers count it: of each connection what is
/// beyond its share (kClientShareBytes), which it has for itself, so that a client that asks little always goes on.
///
///   0 ──────────────── bytes_max ──────────────── twice that
///     nobody waits      who holds more than its    who holds more than its
///                       share is not read          share is closed
///
/// One thread; outlives the servers.
class ClientsMemory {
 public:
  explicit ClientsMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// A connection that held `before` bytes holds `after` now.
  void change(std::size_t before, std::size_t after) { held_ = held_ - beyond_share(before) + beyond_share(after); }

  std::size_t held() const { return held_; }
  /// What may still be held.
  std::size_t room() const { return bytes_max_ - (held_ < bytes_max_ ? held_ : bytes_max_); }
  /// Nothing may be held beyond the shares any more.
  bool crowded() const { return held_ >= bytes_max_; }
  /// There is room again for those who had to wait: not as soon as one byte is free, or all would wake for it.
  bool roomy() const { return held_ < bytes_max_ - bytes_max_ / 8; }
  /// Replies that came all the same have doubled it.
  bool overrun() const { return held_ / 2 >= bytes_max_; }

 private:
  static std::size_t beyond_share(std::size_t bytes) {
    return bytes > kClientShareBytes ? bytes - kClientShareBytes : 0;
  }

  std::size_t bytes_max_;
  std::size_t held_ = 0;
};

}  // namespace quipu
