#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quipu {

/// Why a server ended a connection that the client would have gone on with.
enum class EndedBy : std::uint8_t {
  kTooMany,        ///< limits.connections: turned away when it came.
  kIdle,           ///< limits.idle: nothing came or left.
  kSlowRequest,    ///< limits.request: a request that began did not come to its end.
  kUnreadReplies,  ///< limits.write: replies were not read.
  kMemory,         ///< limits.clients_bytes: all together hold too much, and it more than its share.
};

/// How many connections were ended, by cause. For metrics; one thread.
class ConnectionsEnded {
 public:
  static constexpr std::array kCauses = {EndedBy::kTooMany, EndedBy::kIdle, EndedBy::kSlowRequest,
                                         EndedBy::kUnreadReplies, EndedBy::kMemory};

  /// As metrics name it.
  static constexpr const char* name(EndedBy cause) {
    constexpr std::array names = {"too_many", "idle", "slow_request", "unread_replies", "memory"};
    static_assert(names.size() == kCauses.size());
    return names[static_cast<std::size_t>(cause)];
  }

  void add(EndedBy cause) { ++counts_[static_cast<std::size_t>(cause)]; }
  std::uint64_t count(EndedBy cause) const { return counts_[static_cast<std::size_t>(cause)]; }

 private:
  std::array<std::uint64_t, kCauses.size()> counts_{};
};

}  // namespace quipu
