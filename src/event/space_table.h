#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quipu {

/// Whether `space` can be a namespace: `[a-z][a-z0-9_-]{0,62}`.
bool is_space_name(std::string_view space);

/// Numbers the namespaces of one frame in the order of their first use. `clear` keeps the memory. Pure.
class SpaceTable {
 public:
  /// `hash_seed`: random, for names come from users; nothing of the order, or of the bytes, depends on it.
  explicit SpaceTable(std::uint64_t hash_seed) : hash_seed_(hash_seed) {}

  void clear();

  /// The number of `space`, which is added when it is new. It must be a valid name.
  std::uint32_t number_of(std::string_view space);

  std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }
  std::string_view name(std::uint32_t number) const;

  /// How many slots are looked at to find the name that is found last: what names that collide cost.
  std::size_t longest_search() const;

  /// What the table takes in a frame: 4 bytes for each end, and the names.
  std::size_t encoded_bytes() const { return ends_.size() * sizeof(std::uint32_t) + names_.size(); }
  /// Writes `encoded_bytes()` bytes.
  void encode(std::byte* out) const;

 private:
  /// Where the search for a name begins. Not while there are no slots.
  std::size_t first_slot(std::string_view space) const;
  std::uint32_t insert(std::string_view space);
  void grow_slots();

  std::uint64_t hash_seed_;
  Bytes names_;                       ///< End to end.
  std::vector<std::uint32_t> ends_;   ///< Where each name ends in `names_`.
  std::vector<std::uint32_t> slots_;  ///< Open addressing by hash: number + 1, or 0. A power of two.
};

}  // namespace quipu
