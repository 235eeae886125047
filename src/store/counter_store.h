#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// What the store keeps for one shard: one counter in one partition of one generation of the log.
struct Row {
  std::int64_t total = 0;    ///< The sum since the epoch began.
  std::uint64_t events = 0;  ///< How many events that is. The counter exists when a shard of its highest epoch has one.
  Epoch epoch{};             ///< Which reset it counts from.
  Offset applied{};          ///< The newest offset that the row includes; entries at or below it are skipped.
  std::uint8_t flags = 0;    ///< kRowSaturated.

  friend bool operator==(const Row&, const Row&) = default;
};

inline constexpr std::uint8_t kRowSaturated = 1;  ///< The total once left 64 bits and was held at the end of the range.

/// Which shard a row is.
struct ShardId {
  Generation generation{};
  PartitionId partition{};

  friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

/// Rows of shards, names in one arena: no allocation a row. Append only.
class RowBatch {
 public:
  struct Item {
    std::uint64_t routing = 0;  ///< routing_hash of (space, counter).
    ShardId shard;
    Row row;
    std::uint32_t name_at = 0;
    std::uint16_t counter_size = 0;
    std::uint8_t space_size = 0;
  };

  void add(std::uint64_t routing, std::string_view space, std::string_view counter, ShardId shard, const Row& row) {
    items_.push_back({routing, shard, row, static_cast<std::uint32_t>(names_.size()),
                      static_cast<std::uint16_t>(counter.size()), static_cast<std::uint8_t>(space.size())});
    names_.append(space).append(counter);
  }
  void clear() {
    items_.clear();
    names_.clear();
  }

  const std::vector<Item>& items() const { return items_; }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  std::size_t bytes() const { return names_.size() + items_.size() * sizeof(Item); }
  std::string_view space(const Item& item) const {
    return std::string_view(names_).substr(item.name_at, item.space_size);
  }
  std::string_view counter(const Item& item) const {
    return std::string_view(names_).substr(item.name_at + item.space_size, item.counter_size);
  }

 private:
  std::vector<Item> items_;
  std::string names_;
};

/// The last sequence of a source in a partition.
struct SourceRow {
  PartitionId partition{};
  Hash128 source;
  std::uint64_t sequence = 0;
  Offset touched{};        ///< The offset at which it was last seen; the oldest are forgotten first.
  bool forgotten = false;  ///< Takes the row out.

  friend bool operator==(const SourceRow&, const SourceRow&) = default;
};

/// How far recovery may start: written only after every row it covers. `chains` is the chain table as of exactly
/// `offset`, opaque to the store.
struct Watermark {
  PartitionId partition{};
  Offset offset{};  ///< Everything at or below it is in the rows.
  Bytes chains;

  friend bool operator==(const Watermark&, const Watermark&) = default;
};

/// A batch for the store: written whole or not at all where the store can, else rows first and marks last.
struct StoreWrite {
  std::uint64_t token = 0;
  RowBatch rows;
  std::vector<SourceRow> sources;
  std::vector<Watermark> watermarks;
  std::vector<std::pair<std::string, std::string>> settings;  ///< Named small values, such as namespaces' policies.
  bool sync = false;  ///< Completed only when all written up to here surely survives a power cut.
};

struct CounterKey {
  std::uint64_t routing = 0;
  std::string space;
  std::string counter;
};

/// All shards of the counters asked for; a counter without rows simply has none.
struct StoreLoad {
  std::uint64_t token = 0;
  std::vector<CounterKey> keys;
};

/// A page of the store, in an order of the store's own: of routing hashes, or of Cassandra's tokens. All shards of a
/// counter stand together, on one page, and all counters of one position are on one page.
struct StoreScan {
  std::uint64_t token = 0;
  std::uint64_t from = 0;       ///< The position to begin at: 0, or where an earlier page said that the next begins.
  std::size_t rows_max = 4096;  ///< Passed only to complete the last position.
};

struct StoreCompletion {
  enum class Kind : std::uint8_t { kWrite, kLoad, kScan, kBase, kForgot };
  Kind kind = Kind::kWrite;
  std::uint64_t token = 0;
  Result<void> result{};
  RowBatch rows;                      ///< kLoad, kScan.
  std::optional<std::uint64_t> next;  ///< kScan: where to go on; nullopt at the end.
};

/// A checkpoint: the store as of at least `offset`, and with it the id windows as of exactly `offset`.
struct Base {
  Offset offset{};
  Bytes windows;  ///< Opaque to the store.
};

/// Rows and watermarks, kept. An older write of a row loses against a newer one, so repeating a write changes nothing.
///
/// Promise: after a crash the store is a prefix of the writes that were completed (docs/formats/row.md says which), so
/// a watermark never comes back without the rows that were written before it. Thread: all calls on the owner's thread;
/// none waits, but those of the section "at start" do. Writes complete in the order they were given. A load sees every
/// write that was completed before it was asked. A failed write leaves the store as it was; the same write may be given
/// again.
class CounterStore {
 public:
  virtual ~CounterStore() = default;

  // At start, before the first write. These wait for the disk.
  virtual Result<std::vector<Watermark>> watermarks() = 0;
  virtual Result<std::vector<SourceRow>> sources() = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> settings() = 0;
  /// The newest base at or below `offset`, if there is one.
  virtual Result<std::optional<Base>> newest_base(Offset offset) = 0;

  // While running. Each is answered by one completion with its token.
  virtual void write(StoreWrite write) = 0;
  virtual void load(StoreLoad load) = 0;
  virtual void scan(StoreScan scan) = 0;
  /// Makes `base` durable, with a checkpoint of everything completed so far, then drops all but the newest two.
  virtual void write_base(Base base, std::uint64_t token) = 0;

  virtual void take_completions(std::vector<StoreCompletion>& out) = 0;

  /// How many writes, loads and scans wait for their completion.
  virtual std::size_t pending() const = 0;

  /// The watermarks that surely survive a power cut: what the log may be trimmed by.
  virtual Offset durable_watermark(PartitionId partition) const = 0;
  /// The offset of the oldest durable base, which bounds trimming; kNoOffset when there is none.
  virtual Offset oldest_base() const = 0;
};

}  // namespace quipu
