#include "aggregate/name_arena.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace quipu {

const char* NameArena::store(std::string_view name) {
  const auto cls = std::max<std::size_t>(size_class(name.size()), 1);
  QUIPU_CHECK(cls < kClasses);
  char* place = free_[cls];
  if (place != nullptr) {
    std::memcpy(&free_[cls], place, sizeof(char*));  // A free name holds the next one of its size.
  } else {
    const auto size = cls * kClassBytes;
    if (kChunkBytes - used_ < size) {
      chunks_.push_back(std::make_unique<char[]>(kChunkBytes));
      used_ = 0;
    }
    place = chunks_.back().get() + used_;
    used_ += size;
  }
  std::memcpy(place, name.data(), name.size());
  return place;
}

void NameArena::release(const char* name, std::size_t size) {
  const auto cls = std::max<std::size_t>(size_class(size), 1);
  char* place = const_cast<char*>(name);
  std::memcpy(place, &free_[cls], sizeof(char*));
  free_[cls] = place;
}

}  // namespace quipu
