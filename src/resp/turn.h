#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/operation.h"

namespace quipu {

/// What a reply is made of, once the batch is done.
enum class RespReplyKind : std::uint8_t {
  kPrepared,     ///< It was written already: `RespTurn::prepared` from `begin` to `end`.
  kInteger,      ///< The value after the operation.
  kValue,        ///< The value as a bulk string, or null.
  kValues,       ///< An array of these.
  kBefore,       ///< The value before the operation as a bulk string, or null.
  kSet,          ///< OK, or null where the condition was not met.
  kRemoved,      ///< How many counters existed and were reset.
  kExisting,     ///< How many exist.
  kType,         ///< `string` or `none`.
  kLength,       ///< How many bytes the value has in decimal.
  kIdempotent,   ///< The value, and 1 where it was counted now.
  kTransaction,  ///< An array of the `inside` replies that stand behind it.
};

/// A command that was understood, and the operations that it became.
struct RespPending {
  RespReplyKind kind = RespReplyKind::kPrepared;
  bool resp3 = false;
  std::uint32_t inside = 0;  ///< kTransaction
  std::size_t begin = 0;     ///< The first of its operations, or where its text begins.
  std::size_t end = 0;
};

/// All commands that arrived together: one batch for the engine, one write back.
struct RespTurn {
  Batch batch;
  std::vector<RespPending> pending;
  std::string prepared;
  std::deque<std::string> kept;     ///< Arguments of transactions, which arrived in earlier turns.
  std::size_t kept_text_bytes = 0;  ///< Of `kept`.
  std::uint32_t requests = 0;       ///< Commands with a reply of their own.

  bool empty() const { return pending.empty(); }
  /// The memory that it takes, about; most of it stays when it is cleared.
  std::size_t kept_bytes() const {
    return batch.bytes() + pending.capacity() * sizeof(RespPending) + prepared.capacity() + kept_text_bytes;
  }
  void clear() {
    batch.clear();
    pending.clear();
    prepared.clear();
    kept.clear();
    kept_text_bytes = 0;
    requests = 0;
  }
};

/// A command that can not be answered with the batch that it arrived in: what stands before it is done first.
struct RespErrand {
  enum class Kind : std::uint8_t {
    kNone,
    kScan,
    kFlush,
    kCount,  ///< DBSIZE
    kInfo,
  };
  Kind kind = Kind::kNone;
  bool resp3 = false;
  std::uint64_t cursor = 0;           ///< kScan
  std::size_t limit = 10;             ///< kScan
  std::string pattern;                ///< kScan
  bool nothing = false;               ///< kScan: TYPE asks for what does not exist here.
  std::vector<std::string> sections;  ///< kInfo
};

}  // namespace quipu
