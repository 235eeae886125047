#include "node/allocator.h"

#include <malloc.h>

namespace quipu {
namespace {

/// The chunks of the counter table, batches on their way to the store and RocksDB's buffers are at least as large; what
/// is needed for each request is smaller.
constexpr int kMappedBytesMin = 60 << 10;
/// How much may be free at the end of a heap.
constexpr int kTrimBytes = 4 << 20;
/// The owner's thread allocates little, so the threads of disk and store may share its heap.
constexpr int kHeapsMax = 1;

}  // namespace

void tune_allocator() {
  mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
  mallopt(M_TRIM_THRESHOLD, kTrimBytes);
  mallopt(M_ARENA_MAX, kHeapsMax);
}

void release_free_memory() { malloc_trim(0); }

}  // namespace quipu
