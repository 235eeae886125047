#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregate/live_totals.h"
#include "base/identifiers.h"
#include "event/frame.h"
#include "ingest/namespaces.h"
#include "log/event_log.h"

namespace quipu {

/// The frames that are being filled: one at a time for each partition, numbered when they are opened, and written
/// together by the next commit.
///
/// Plain entries for one counter are added up in place. Names are copied in the order of the entries: until a commit
/// other counters have pushed those of the table out of the processor's cache. Pure; one thread.
class OpenFrames {
 public:
  /// A frame that reaches this size is closed and the partition's next entry opens another.
  static constexpr std::size_t kCloseBytes = std::size_t{1} << 20;

  /// `hash_seed`: random, for namespaces' names come from users.
  OpenFrames(const LogIdentity& identity, NodeIdentity writer, std::uint16_t partitions, std::uint64_t hash_seed);

  /// A counter, as an entry names it.
  struct Named {
    NamespaceId space;
    std::string_view name;
  };

  /// The offset of the partition's open frame. Opens one, numbered by `log`, if there is none.
  Offset open(PartitionId partition, EventLog& log, TimeMs now) {
    const auto number = current_[partition.value];
    if (number != kNone && frames_[number].bytes < kCloseBytes) return frames_[number].offset;
    return open_next(partition, log, now);
  }

  /// Closes the partition's open frame, so that the next entry stands in a new one.
  void close(PartitionId partition) { current_[partition.value] = kNone; }

  /// A plain entry. `shard` is the counter's shard in that partition, after `LiveTotals::add` at the frame's offset;
  /// the entry is added to the frame's entry for that shard where that is the same second, and appended else.
  void add_plain(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta, TimeMs time);
  /// The entries below stand where they are put: what comes after them for the same shard must not be added to an entry
  /// before them, so `shard` is told.
  void add_with_id(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta, TimeMs time,
                   const IdHash& id);
  void add_of_source(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta, TimeMs time,
                     const Hash128& source, std::uint64_t sequence);
  /// `epoch` 0: the offset makes it (the home partition).
  void add_reset(PartitionId partition, const Named& counter, Epoch epoch, TimeMs time);

  bool empty() const { return used_ == 0; }
  /// An upper bound of the bytes that `submit` will give the log.
  std::size_t bytes() const { return bytes_; }
  /// What one entry adds to `bytes` at most, with a frame and a namespace of its own.
  static std::size_t entry_bytes(std::size_t name_size) { return kEntryBytes + kFrameBytes + name_size; }

  /// A frame as it went to the log.
  struct Submitted {
    PartitionId partition{};
    Offset offset{};
    std::uint64_t number = 0;
    std::size_t bytes = 0;
  };

  /// Encodes all frames in the order of their offsets and submits them with their offsets as tokens. Afterwards none is
  /// open.
  Result<void> submit(EventLog& log, const NamespaceRegistry& spaces, std::vector<Submitted>& out);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kEntryBytes = 64;
  static constexpr std::size_t kSpaceBytes = kNamespaceBytesMax + 8;
  static constexpr std::size_t kFrameBytes = kFrameHeaderBytes + kSpaceBytes + 8;

  struct Pending {
    std::int64_t delta;
    std::uint64_t events;
    TimeMs time;
    std::uint32_t side = 0;  // Where the id, the source or the epoch is.
    EntryKind kind = EntryKind::kAdd;
    GroupKind group = GroupKind::kPlain;
    // Filled in by `append`.
    std::uint16_t name_size = 0;
    std::uint32_t name_at = 0;
    NamespaceId space{};
  };
  struct SourceSide {
    Hash128 source;
    std::uint64_t sequence;
  };
  struct Filling {
    PartitionId partition{};
    Offset offset{};
    std::uint64_t number = 0;
    TimeMs base_time = 0;
    std::size_t bytes = 0;
    NamespaceId last_space{};
    std::vector<Pending> entries;
    std::vector<char> names;  // Those of the entries, one behind the other, and room.
    std::uint32_t names_end = 0;
    std::vector<IdHash> ids;
    std::vector<SourceSide> sources;
    std::vector<Epoch> epochs;
  };

  Filling& current(PartitionId partition) { return frames_[current_[partition.value]]; }
  Offset open_next(PartitionId partition, EventLog& log, TimeMs now);
  void append(Filling& frame, const Named& counter, Pending entry);

  LogIdentity identity_;
  NodeIdentity writer_;
  std::vector<Filling> frames_;  // The first used_ are in use; the others keep their memory for later.
  std::size_t used_ = 0;
  std::vector<std::uint32_t> current_;  // By partition: its open frame, or kNone.
  std::vector<std::uint64_t> number_;   // By partition: the last chain number given out.
  std::size_t bytes_ = 0;
  FrameEncoder encoder_;
};

}  // namespace quipu
