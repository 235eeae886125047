#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

namespace quipu {

/// Memory in blocks of one size, cut from regions of 2 MiB that the system is asked to back by huge pages: a table
/// whose places are looked up at random otherwise waits for the processor's page tables as long as for its bytes. A
/// block that is given back is the system's again at once, and its region has small pages from then on; the region goes
/// with its last block. Not thread-safe.
class HugeBlocks {
 public:
  static constexpr std::size_t kRegionBytes = std::size_t{2} << 20;

  /// `block_bytes`: divides a region, at least 64 KiB.
  explicit HugeBlocks(std::size_t block_bytes);
  /// Gives back every block.
  ~HugeBlocks();
  HugeBlocks(const HugeBlocks&) = delete;
  HugeBlocks& operator=(const HugeBlocks&) = delete;

  /// A block of zeros, aligned to its size. Throws std::bad_alloc where the system has no memory, as `new` does.
  char* take();
  /// A block that was taken.
  void give_back(char* block);

 private:
  using Mask = std::uint32_t;  // A bit for each block that is free.

  std::size_t block_bytes_;
  Mask all_free_;
  std::map<char*, Mask> regions_;
  std::set<char*> with_free_;  // Those of `regions_` that have a free block.
};

}  // namespace quipu
