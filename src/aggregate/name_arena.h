#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace quipu {

/// Keeps counters' names: bump allocation in chunks, freed names reused by size. A name's bytes never move, so growth
/// costs no pause. Pure; not thread-safe.
class NameArena {
 public:
  /// A stable copy of `name` (0 to 1,024 bytes).
  const char* store(std::string_view name);
  /// Gives back what `store` returned for a name of this size.
  void release(const char* name, std::size_t size);

  /// Memory taken from the system.
  std::size_t bytes() const { return chunks_.size() * kChunkBytes; }

 private:
  static constexpr std::size_t kChunkBytes = 64 << 10;
  static constexpr std::size_t kClassBytes = 8;
  static constexpr std::size_t kClasses = 1024 / kClassBytes + 1;

  static std::size_t size_class(std::size_t size) { return (size + kClassBytes - 1) / kClassBytes; }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = kChunkBytes;  // Of the newest chunk.
  std::array<char*, kClasses> free_{};
};

}  // namespace quipu
