#include "event/space_table.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "event/entry.h"

namespace quipu {

bool is_space_name(std::string_view space) {
  if (space.empty() || space.size() > kNamespaceBytesMax) return false;
  if (space[0] < 'a' || space[0] > 'z') return false;
  return std::all_of(space.begin(), space.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

void SpaceTable::clear() {
  names_.clear();
  ends_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
}

std::string_view SpaceTable::name(std::uint32_t number) const {
  const auto begin = number == 0 ? 0 : ends_[number - 1];
  return as_text(ByteView(names_).subspan(begin, ends_[number] - begin));
}

std::uint32_t SpaceTable::number_of(std::string_view space) {
  if (ends_.size() * 2 >= slots_.size()) grow_slots();
  const auto mask = slots_.size() - 1;
  for (auto slot = first_slot(space);; slot = (slot + 1) & mask) {
    if (slots_[slot] == 0) return (slots_[slot] = insert(space) + 1) - 1;
    if (name(slots_[slot] - 1) == space) return slots_[slot] - 1;
  }
}

std::size_t SpaceTable::longest_search() const {
  const auto mask = slots_.size() - 1;
  std::size_t longest = 0;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] == 0) continue;
    longest = std::max(longest, ((slot - first_slot(name(slots_[slot] - 1))) & mask) + 1);
  }
  return longest;
}

void SpaceTable::encode(std::byte* out) const {
  const auto ends_bytes = ends_.size() * sizeof(std::uint32_t);
  if (ends_.empty()) return;
  std::memcpy(out, ends_.data(), ends_bytes);
  std::memcpy(out + ends_bytes, names_.data(), names_.size());
}

std::size_t SpaceTable::first_slot(std::string_view space) const {
  return hash64(as_bytes(space), hash_seed_) & (slots_.size() - 1);
}

std::uint32_t SpaceTable::insert(std::string_view space) {
  QUIPU_CHECK(is_space_name(space));
  put(names_, as_bytes(space));
  ends_.push_back(static_cast<std::uint32_t>(names_.size()));
  return size() - 1;
}

void SpaceTable::grow_slots() {
  slots_.assign(std::max<std::size_t>(16, slots_.size() * 2), 0);
  const auto mask = slots_.size() - 1;
  for (std::uint32_t number = 0; number < size(); ++number) {
    auto slot = first_slot(name(number));
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = number + 1;
  }
}

}  // namespace quipu
