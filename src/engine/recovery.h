#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/flusher.h"
#include "log/event_log.h"

namespace quipu {

/// Brings the tables to where the log ends, at start.
///
///   store: settings, watermarks, sources, newest base ─► rows, as many as fit ─► log from the base to the watermark:
///   ids only ─► log from the watermark to its end: everything
///
/// Works in steps, so that the process can say how far it is and flush on the way.
class Recovery {
 public:
  Recovery(Core& core, Flusher& flusher) : core_(core), flusher_(flusher) {}

  /// Reads what must be there before anything else. Waits for the store.
  Result<void> start();

  /// Does a stretch of the work. True when all of it is done.
  Result<bool> step();

  /// How many offsets are left to read.
  std::uint64_t left() const;

 private:
  enum class Stage : std::uint8_t { kScan, kRead, kDone };

  Result<void> restore_settings();
  Result<void> restore_watermarks();
  Result<void> restore_base();
  void ask_for_page();
  void take_page(const RowBatch& rows);
  Result<void> read_stretch();
  void begin_scan();
  Result<void> apply_stretch();
  bool load_missing();

  Core& core_;
  Flusher& flusher_;
  Stage stage_ = Stage::kScan;
  bool waiting_ = false;  // For the store.
  std::optional<Error> store_error_;
  std::uint64_t scan_from_ = 0;
  bool table_full_ = false;
  Offset watermark_{};  // The lowest of all partitions.
  Offset base_{};
  Offset next_{1};  // To be applied.
  std::unique_ptr<LogScan> scan_;
  Offset end_{1};
  std::uint64_t bytes_read_ = 0;
  LogRead stretch_;
  std::vector<Aggregator::Reset> resets_;
};

}  // namespace quipu
