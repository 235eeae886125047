#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "log/segment_format.h"

namespace quipu {

/// Gives memory that begins at a multiple of kBlockBytes.
template <class T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <class Other>
  explicit BlockAllocator(const BlockAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{kBlockBytes}));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, std::align_val_t{kBlockBytes}); }
  bool operator==(const BlockAllocator&) const = default;
};

/// Bytes that the disk can read and write past the page cache.
using BlockBytes = std::vector<std::byte, BlockAllocator<std::byte>>;

}  // namespace quipu
