#include "aggregate/huge_blocks.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>
#include <new>

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::size_t kBlockBytesMin = std::size_t{64} << 10;

/// Memory that the system has not been asked to fill yet, aligned to its size.
char* map_region() {
  constexpr auto kRegion = HugeBlocks::kRegionBytes;
  void* mapped = ::mmap(nullptr, 2 * kRegion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<char*>(mapped);
  const auto before = (kRegion - reinterpret_cast<std::uintptr_t>(begin) % kRegion) % kRegion;
  if (before != 0) ::munmap(begin, before);
  begin += before;
  ::munmap(begin + kRegion, kRegion - before);
  ::madvise(begin, kRegion, MADV_HUGEPAGE);  // A system without huge pages refuses it: small ones do, too.
  return begin;
}

}  // namespace

HugeBlocks::HugeBlocks(std::size_t block_bytes) : block_bytes_(block_bytes) {
  QUIPU_CHECK(block_bytes >= kBlockBytesMin && kRegionBytes % block_bytes == 0);
  const auto blocks = kRegionBytes / block_bytes;
  all_free_ = static_cast<Mask>((std::uint64_t{1} << blocks) - 1);
}

HugeBlocks::~HugeBlocks() {
  for (const auto& [region, free] : regions_) ::munmap(region, kRegionBytes);
}

char* HugeBlocks::take() {
  if (with_free_.empty()) {
    char* region = map_region();
    regions_.emplace(region, all_free_);
    with_free_.insert(region);
  }
  char* region = *with_free_.begin();
  Mask& free = regions_.at(region);
  const auto block = static_cast<std::size_t>(std::countr_zero(free));
  free &= free - 1;
  if (free == 0) with_free_.erase(region);
  return region + block * block_bytes_;
}

void HugeBlocks::give_back(char* block) {
  char* region = block - reinterpret_cast<std::uintptr_t>(block) % kRegionBytes;
  const auto found = regions_.find(region);
  QUIPU_CHECK(found != regions_.end());
  const auto bit = Mask{1} << static_cast<std::size_t>(block - region) / block_bytes_;
  QUIPU_CHECK((found->second & bit) == 0);
  found->second |= bit;
  if (found->second != all_free_) {
    with_free_.insert(region);
    // Else the system could make one large page of the region again, and with it take back what was given.
    ::madvise(region, kRegionBytes, MADV_NOHUGEPAGE);
    ::madvise(block, block_bytes_, MADV_DONTNEED);  // Zeros when it is taken again.
    return;
  }
  with_free_.erase(region);
  regions_.erase(found);
  ::munmap(region, kRegionBytes);
}

}  // namespace quipu
