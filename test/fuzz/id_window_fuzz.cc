#include <cstring>
#include <list>
#include <map>
#include <utility>

#include "aggregate/id_window.h"
#include "fuzz/fuzz.h"

namespace quipu::fuzz {
namespace {

constexpr std::size_t kIdsAskedMax = 2'500;
/// Of an appearance in a snapshot: id, body, time.
constexpr std::size_t kEntryBytes = 16 + 4 + 8;

using Verdict = IdWindow::Verdict;

/// What the window promises, said plainly: the last N distinct ids, a list of them and where each stands.
class PlainWindow {
 public:
  explicit PlainWindow(std::size_t ids_max) : ids_max_(ids_max) {}

  Verdict find(const IdHash& id) const {
    const auto known = places_.find(id.id);
    if (known == places_.end()) return Verdict::kNew;
    return known->second->body == id.body ? Verdict::kRepeat : Verdict::kOtherBody;
  }
  Verdict appear(const IdHash& id) {
    const auto verdict = find(id);
    if (verdict != Verdict::kNew) {
      const auto place = places_.at(id.id);
      ids_.splice(ids_.end(), ids_, place);
      return verdict;
    }
    places_[id.id] = ids_.insert(ids_.end(), id);
    if (ids_.size() > ids_max_) {
      places_.erase(ids_.front().id);
      ids_.pop_front();
    }
    return verdict;
  }
  std::size_t size() const { return ids_.size(); }
  const std::list<IdHash>& ids() const { return ids_; }

 private:
  std::size_t ids_max_;
  std::list<IdHash> ids_;  // The newest last.
  std::map<Hash128, std::list<IdHash>::iterator> places_;
};

/// Ids that share halves and bits, so that they meet in the index.
IdHash id_of(std::size_t number, std::uint32_t body) {
  return {{number % 7, number * (number % 2 == 0 ? 0x9e3779b97f4a7c15u : 1u)}, body};
}

IdWindow restored(const IdWindow& window, std::size_t piece) {
  auto snapshot = window.snapshot();
  const auto size = snapshot.size();
  Bytes bytes;
  while (snapshot.take(bytes, piece)) {
  }
  require(bytes.size() == size, "a snapshot is as large as it said");
  IdWindow again(window.ids_max());
  require(again.restore(bytes).has_value(), "a snapshot is read");
  return again;
}

void check_against_list(Input& input) {
  const auto ids_max = 1 + input.below(700);
  IdWindow window(ids_max);
  PlainWindow plain(ids_max);
  std::size_t asked = 0;
  std::size_t highest = 0;
  while (!input.empty() && asked < kIdsAskedMax) {
    const auto action = input.below(8);
    if (action == 7) {
      asked += 50 + window.size();
      window = restored(window, 1 + input.below(5'000));
      continue;
    }
    const auto first = input.below(1'000);
    const auto count = 1 + input.number<std::uint8_t>();
    const std::uint32_t body = action % 2;
    highest = std::max(highest, first + count);
    for (auto number = first; number < first + count; ++number) {
      const auto id = id_of(number, body);
      ++asked;
      require(window.find(id) == plain.find(id), "it knows what the list knows");
      if (action >= 6) continue;
      require(window.appear(id, static_cast<TimeMs>(asked)) == plain.appear(id), "it says what the list says");
    }
    require(window.size() == plain.size(), "it has as many ids as the list");
    require((window.size() == 0) == (window.oldest_time() == 0), "there is an oldest one where there is any");
  }
  for (std::size_t number = 0; number < highest; ++number) {
    require(window.find(id_of(number, 0)) == plain.find(id_of(number, 0)), "in the end it knows what the list knows");
  }
}

/// Any bytes are refused, or are a window that is written and read as it is.
void check_bytes(Input& input) {
  const auto ids_max = 1 + input.below(100);
  const auto text = input.rest();
  IdWindow window(ids_max);
  if (const auto read = window.restore(as_bytes(text)); !read) {
    require(read.error().code == Code::kDamaged && !read.error().what.empty(), "a refusal has a reason");
    return;
  }
  require(window.size() <= ids_max, "it keeps its bound");
  const auto again = restored(window, 64);
  require(again.size() == window.size(), "a window is read as it was written");
  for (auto at = text.size() % kEntryBytes; at + kEntryBytes <= text.size(); at += kEntryBytes) {
    IdHash id;
    std::uint32_t words[5];
    std::memcpy(words, text.data() + at, sizeof(words));
    id.id = {words[0] | std::uint64_t{words[1]} << 32, words[2] | std::uint64_t{words[3]} << 32};
    id.body = words[4];
    require(again.find(id) == window.find(id), "and knows the same ids");
  }
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.flag()) {
    quipu::fuzz::check_bytes(input);
  } else {
    quipu::fuzz::check_against_list(input);
  }
  return 0;
}
