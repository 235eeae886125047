#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "aggregate/base_windows.h"
#include "base/bytes.h"
#include "base/identifiers.h"
#include "worker/held_bytes.h"
#include "worker/partition_core.h"

namespace quipu {

/// Makes bases of one partition, the id window as of an offset, and has the log trimmed behind them.
///
///   flush at W ─► window copied, some at a time ─► watermark W is written ─► base written ─► (commit delay) sure
///                                                      log below the newest base that is sure ◄──┘
///                                                      and at or below a sure watermark: deleted
///
/// One base at a time: while one is not sure yet, no other is begun, and the one before it stays. Of all partitions of
/// a worker so many at a time as base_bytes_max allows, or one.
class PartitionBases {
 public:
  explicit PartitionBases(PartitionCore& core) : core_(core), last_(core.worker.steady) {}

  /// The base that a partition began with, if the log may be trimmed behind it. Nothing is made before this is called.
  void restored(std::optional<Offset> base);

  /// A flush begins, and will be followed by a watermark at `offset`: takes the window as of now, if a base is due.
  void flush_begins(Offset offset);
  /// Copies, writes and trims what can be. `watermark`: in the store; `durable`: surely so.
  void step(Offset watermark, Offset durable);

 private:
  static constexpr std::size_t kBytesPerStep = std::size_t{1} << 20;

  struct InMaking {
    Offset offset{};
    BaseWindows windows;
    std::shared_ptr<const HeldBytes> held;  // Until it is made and the store has answered.
    Bytes bytes;
    bool copied = false;
    bool given = false;
    TimeMs give_at = 0;
  };
  struct Kept {
    Offset offset{};
    TimeMs sure_at = 0;
  };
  void give();

  PartitionCore& core_;
  bool restored_ = false;
  std::optional<InMaking> making_;
  std::deque<Kept> kept_;  // By offset.
  Offset trimmed_{};       // The base below which trimming was asked for last.
  TimeMs last_;
  std::uint64_t bytes_then_ = 0;  // core_.bytes_read when the newest was begun.
};

}  // namespace quipu
