#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "event/frame.h"
#include "ingest/namespaces.h"

namespace quipu {

/// The frames that a node without a table of counters is filling, one for each partition.
///
/// Entries carry the counters' names. Plain entries of one counter and one second are added up in place. A RESET stands
/// where it was put: what comes behind it is not added to what stands before it. Pure; one thread.
class NodeFrames {
 public:
  /// `hash_seed`: not known to users, for namespaces' names come from them.
  NodeFrames(const LogIdentity& identity, std::uint16_t partitions, std::uint64_t hash_seed);
  /// The log has got more partitions.
  void grow(std::uint16_t partitions) { frames_.resize(partitions); }

  /// A counter, with its routing hash.
  struct Named {
    std::uint64_t routing = 0;
    NamespaceId space{};
    std::string_view counter;
  };

  // Each opens the partition's frame where none is open. Names are copied.
  void add_plain(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time, TimeMs now);
  void add_with_id(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time, const IdHash& id,
                   TimeMs now);
  void add_of_source(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time,
                     const Hash128& source, std::uint64_t sequence, TimeMs now);
  void add_reset(PartitionId partition, const Named& counter, TimeMs time, TimeMs now);

  /// Whether the open frame has a RESET of this counter: a frame can begin one epoch of a counter only.
  bool has_reset(PartitionId partition, std::uint64_t routing) const;

  /// Whether the open frame has entries of sources.
  bool has_sources(PartitionId partition) const { return !frames_[partition.value].sources.empty(); }
  bool empty(PartitionId partition) const { return frames_[partition.value].entries.empty(); }
  /// Which frame is open, or is opened next: counts up over all partitions, from 1.
  std::uint64_t serial(PartitionId partition) { return opened(partition).serial; }
  TimeMs opened_at(PartitionId partition) const { return frames_[partition.value].opened_at; }
  /// Upper bounds of what the frames take in the log.
  std::size_t bytes(PartitionId partition) const { return frames_[partition.value].bytes; }
  std::size_t bytes() const { return bytes_; }
  /// What one entry adds to that at most, with a frame and a namespace of its own.
  static std::size_t entry_bytes(std::size_t name_size) { return kEntryBytes + kFrameBytes + name_size; }

  /// Encodes the open frame, which has an entry; the next entry opens another.
  Bytes close(PartitionId partition, const NamespaceRegistry& spaces);

 private:
  static constexpr std::size_t kEntryBytes = 96;
  static constexpr std::size_t kSpaceBytes = kNamespaceBytesMax + 8;
  static constexpr std::size_t kFrameBytes = kFrameHeaderBytes + kSpaceBytes;

  struct Pending {
    std::int64_t delta = 0;
    std::uint64_t events = 0;
    TimeMs time = 0;
    NamespaceId space{};
    std::uint32_t name_at = 0;
    std::uint32_t side = 0;  // Where the id or the source is.
    std::uint16_t name_size = 0;
    EntryKind kind = EntryKind::kAdd;
    GroupKind group = GroupKind::kPlain;
  };
  struct SourceSide {
    Hash128 source;
    std::uint64_t sequence = 0;
  };
  struct Filling {
    std::uint64_t serial = 0;  // 0: none was given out.
    TimeMs opened_at = 0;
    std::size_t bytes = 0;
    NamespaceId last_space{};
    std::string names;
    std::vector<Pending> entries;
    std::vector<IdHash> ids;
    std::vector<SourceSide> sources;
    boost::unordered_flat_map<std::uint64_t, std::uint32_t> plain;  // By routing hash: the entry to add to.
    boost::unordered_flat_set<std::uint64_t> resets;
  };

  Filling& opened(PartitionId partition);
  void append(Filling& frame, const Named& counter, Pending entry, TimeMs now);

  LogIdentity identity_;
  std::vector<Filling> frames_;
  std::uint64_t next_serial_ = 1;
  std::size_t bytes_ = 0;
  FrameEncoder encoder_;
};

}  // namespace quipu
