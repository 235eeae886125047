#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "aggregate/shard.h"
#include "api/flushed_marks.h"
#include "api/node_frames.h"
#include "base/identifiers.h"
#include "log/event_log.h"
#include "query/total_reader.h"

namespace quipu {

struct KnownTotalsOptions {
  std::size_t counters_max = 100'000;         ///< Beyond: one that was not used of late goes.
  std::size_t adds_per_counter_max = 16'384;  ///< Own events of a counter, by frame, that its base may lack. Beyond ...
  std::size_t adds_max = 1'000'000;           ///< ... and beyond this of all: the counter keeps the base that it has.
  std::int64_t rebase_ms = 5'000;             ///< A base is read again after this, for what other nodes wrote ...
  std::int64_t retry_ms = 1'000;              ///< ... and after this where it could not be read, or left doubts.
};

/// The best totals that a node knows of the counters that it writes: a base from the store, and its own events since.
///
/// A base's rows say up to which offset of each partition they reach, so own events are taken as being in it or not,
/// each once. Where one node alone writes to a counter, and its base was read when all it had written before was
/// flushed or is still noted here, the total is exact; else it lacks what others wrote since the base was read.
///
/// An own event that was dropped behind the log, since its id was counted before, moves no row. By the row alone it
/// would be taken as lacking for as long as none of its partition follows. So where a base lacks what the partition's
/// flushed mark says is in the store, the next one is read past all caches: what was flushed when that was asked for is
/// in it, whatever its rows say.
///
/// Counters are told apart by their routing hash alone, 64 bits under the log's secret: two of one hash would be
/// answered with each other's total, and counted right all the same. Pure; one thread.
class KnownTotals {
 public:
  using Named = NodeFrames::Named;

  /// `log` must outlive this.
  KnownTotals(const KnownTotalsOptions& options, const EventLog& log);

  /// Where an own event stands among those of its counter: `value` makes a total of it.
  struct Place {
    Wide sum = 0;               ///< Of all own events up to it, since the node keeps the counter.
    std::uint64_t kept_as = 0;  ///< Another one each time that the node begins to keep a counter.
  };
  struct Added {
    Place place;
    std::int64_t total = 0;   ///< Where `based`: the total with this event.
    bool based = false;       ///< A base is known.
    bool existed = false;     ///< As far as is known.
    bool overflows = false;   ///< The total is known and would leave 64 bits: nothing was noted.
    bool wants_base = false;  ///< Its base should be read for the batch, or read again: once a batch and once a time.
    bool fresh = false;       ///< It should be read past all caches.
  };
  /// Notes an own event of `batch` that stands in the frame `serial` of the partition.
  Added add(const Named& counter, std::int64_t delta, PartitionId partition, std::uint64_t serial, std::uint64_t batch,
            TimeMs now);
  /// The same for an event of which nobody asks for the total: only where the counter is known already.
  void note(const Named& counter, std::int64_t delta, PartitionId partition, std::uint64_t serial) {
    if (slots_.empty()) return;
    if (Known* const known = find(counter)) note(*known, delta, partition, serial);
  }
  /// Notes an own RESET in the frame `serial`, with the value that the counter has behind it.
  void set(const Named& counter, std::int64_t value, bool exists, PartitionId partition, std::uint64_t serial);

  /// The total, where a base is known: as of all own events, or of those up to that place. None where the counter had
  /// to go since: what its new base has of them is not known.
  std::optional<std::int64_t> value(const Named& counter, std::optional<Place> place = std::nullopt) const;
  /// Whether the counter surely exists, or surely not; nullopt where that is not known here.
  std::optional<bool> exists(const Named& counter) const;
  /// A base is to be read from the store, past all caches: what is flushed by now will be in it. Answers which reading
  /// it is, for `rebase`.
  std::uint32_t fresh_base_asked(const Named& counter, const FlushedMarks& marks);
  /// A base could not be read.
  void base_failed(const Named& counter, TimeMs now);

  /// What the store has. `reading`: of `fresh_base_asked`; 0 where a cache may have had it. Where a row may or may not
  /// have an own event whose place in the log is not known yet, things stay as they are until another try.
  void rebase(const Named& counter, const CounterTotal& total, std::uint32_t reading, const FlushedMarks& marks,
              TimeMs now);

  /// What became of a frame: its offset, or nullopt where it is perhaps or surely not in the log. `resent`: a copy of
  /// it may stand before that, which then counts.
  void frame_done(std::uint64_t serial, std::optional<Offset> offset, bool resent = false);

  std::size_t size() const { return slots_.size(); }

 private:
  static constexpr std::size_t kFatesKept = std::size_t{1} << 16;

  struct Add {
    std::uint64_t serial = 0;
    std::int64_t delta = 0;
    std::uint32_t flushed = 0;  // The first reading that has it, whatever its row says; 0: none is known.
    PartitionId partition{};
  };
  static_assert(sizeof(Add) == 24, "adds_max bounds bytes");
  struct Known {
    std::uint64_t routing = 0;
    std::uint64_t kept_as = 0;
    Wide sum = 0;       // Of all own events.
    Wide anchor = 0;    // total = anchor + sum, held within 64 bits.
    bool used = false;  // Since the hand passed.
    bool based = false;
    bool exists = false;
    bool full = false;        // An own event was not noted: no new base.
    bool doubtful = false;    // The base lacks what should have been flushed.
    bool saturated = false;   // The base was held at an end of 64 bits.
    std::uint64_t reset = 0;  // The frame of the last own RESET: a base must be of its epoch.
    TimeMs based_at = 0;
    TimeMs failed_at = 0;         // 0: the last base could be read.
    std::uint64_t asked_for = 0;  // The last batch that a first base was asked for.
    std::vector<Add> adds;
  };
  struct Fate {
    std::uint64_t serial = 0;
    bool done = false;
    bool resent = false;
    std::optional<Offset> offset;
    Offset least{};  // The first copy of it stands there in the log or further on, if anywhere.
  };

  Known* find(const Named& counter) {
    const auto found = places_.find(counter.routing);
    return found == places_.end() ? nullptr : &slots_[found->second];
  }
  const Known* find(const Named& counter) const { return const_cast<KnownTotals*>(this)->find(counter); }
  Known& use(const Named& counter);
  Known& make(std::uint64_t routing);
  void note(Known& known, std::int64_t delta, PartitionId partition, std::uint64_t serial);
  bool wants_base(Known& known, std::uint64_t batch, TimeMs now) const;
  bool is_flushed(const Add& add, const FlushedMarks& marks) const;
  bool may_be_in(const Add& add, const CounterTotal& total, std::uint32_t reading) const;
  void begin(std::uint64_t serial, PartitionId partition);
  /// Null where it is so long ago that it is flushed.
  const Fate* fate(std::uint64_t serial) const;

  KnownTotalsOptions options_;
  const EventLog& log_;
  Generation generation_;
  std::vector<Known> slots_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> places_;  // By routing hash: the slot.
  std::size_t hand_ = 0;                                            // Of the clock that says which slot goes.
  std::vector<Fate> fates_;                                         // By serial, the newest kFatesKept.
  std::size_t adds_ = 0;
  std::uint64_t kept_ = 0;
  std::uint32_t readings_ = 0;
};

}  // namespace quipu
