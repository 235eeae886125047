#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "aggregate/huge_blocks.h"
#include "aggregate/record_index.h"

namespace quipu {

/// Room for records, in chunks that stand in a row: the newest is filled, the oldest is emptied, and an empty one is
/// given back. Nothing is ever moved in here, so growing costs no pause; who empties a chunk appends what must stay.
///
///   oldest ──► | . . R R R | R . R R R |  …  | R R R      | ◄── newest
///                    ▲ hand                         ▲ append
///
/// At most 16 GiB: a reference counts four bytes, 16 bits for the chunk and 16 for the place in it. Pure; not
/// thread-safe.
class RecordArena {
 public:
  static constexpr std::size_t kUnit = 4;
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
  static constexpr std::size_t kChunksMax = std::size_t{1} << 16;
  /// Memory that it can reach.
  static constexpr std::size_t kBytesMax = kChunksMax * kChunkBytes;

  /// Room for a record (a multiple of 4, at most 4,096 bytes), behind all others.
  RecordRef append(std::size_t bytes);
  /// A record is not needed any more; its bytes stay where they are until its chunk goes.
  void kill(std::size_t bytes) { dead_bytes_ += bytes; }

  char* at(RecordRef ref) { return slots_[ref >> 16] + std::size_t{ref & 0xffff} * kUnit; }
  const char* at(RecordRef ref) const { return slots_[ref >> 16] + std::size_t{ref & 0xffff} * kUnit; }

  /// A place in the row of chunks that goes up only: a record that is appended has a higher one than all before.
  struct Position {
    std::uint64_t chunk = 0;
    std::uint32_t at = 0;  ///< In bytes. Begins a record, or is the end of what was appended to the chunk.

    friend auto operator<=>(const Position&, const Position&) = default;
  };
  /// The record at `position`, which is moved on over the ends of chunks, or kNoRecord at the end of all.
  RecordRef record_at(Position& position) const;
  /// At or behind it is what is appended from now on, and nothing else.
  Position end() const {
    return row_.empty() ? Position{first_, 0} : Position{first_ + row_.size() - 1, row_.back().used};
  }

  /// Where the hand is: the records in front of it in the oldest chunk are dead.
  Position& hand() { return hand_; }
  const Position& hand() const { return hand_; }
  /// The hand is to empty the newest chunk: the next record goes into another.
  void seal() { used_ = kChunkBytes; }
  /// Whether the hand is in the chunk that is being filled.
  bool hand_in_newest() const { return hand_.chunk + 1 == first_ + row_.size() && used_ != kChunkBytes; }
  /// Gives back the chunks that the hand has left behind.
  void drop_behind_hand();

  /// Dead bytes in chunks that are still there.
  std::size_t dead_bytes() const { return dead_bytes_; }
  /// Memory that it holds.
  std::size_t bytes() const { return row_.size() * kChunkBytes; }

 private:
  struct InRow {
    std::uint32_t slot = 0;
    std::uint32_t used = 0;  // Bytes, where another chunk follows.
  };

  HugeBlocks blocks_{kChunkBytes};
  std::vector<char*> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::deque<InRow> row_;
  std::uint64_t first_ = 0;         // The number of the oldest chunk.
  std::size_t used_ = kChunkBytes;  // Of the newest; all of it where the next record needs a new one.
  Position hand_;
  std::size_t dead_bytes_ = 0;
};

}  // namespace quipu
