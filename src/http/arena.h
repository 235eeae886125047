#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace quipu {

/// Memory for names that are not in the input as they are: decoded, or from a body that does not stay. What it gives
/// stays where it is until `clear`, which keeps the memory for the next turn.
class Arena {
 public:
  /// `size` bytes to be filled by the caller.
  char* take(std::size_t size);
  /// A copy.
  std::string_view keep(std::string_view text);
  /// Gives back the last bytes of the last `take`.
  void give_back(std::size_t size) { at_ -= size; }
  void clear();
  /// The memory that it takes.
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kBlockBytes = 16 << 10;

  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;  // The last one is being filled.
  std::size_t at_ = 0;         // In the last block.
  std::size_t bytes_ = 0;      // Of all blocks.
};

}  // namespace quipu
