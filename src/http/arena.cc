#include "http/arena.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace quipu {

char* Arena::take(std::size_t size) {
  if (blocks_.empty() || blocks_.back().size - at_ < size) {
    const auto bytes = std::max(size, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
    bytes_ += bytes;
    at_ = 0;
  }
  char* const place = blocks_.back().bytes.get() + at_;
  at_ += size;
  return place;
}

std::string_view Arena::keep(std::string_view text) {
  char* const place = take(text.size());
  if (!text.empty()) std::memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

void Arena::clear() {
  // A block made for one large text is not kept.
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty() && blocks_[0].size > kBlockBytes) blocks_.clear();
  bytes_ = blocks_.empty() ? 0 : blocks_[0].size;
  at_ = 0;
}

}  // namespace quipu
