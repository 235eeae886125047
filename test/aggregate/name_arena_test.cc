#include "aggregate/name_arena.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace quipu {
namespace {

TEST(NameArena, KeepsEveryNameWhereItIsWhileOthersComeAndGo) {
  std::mt19937_64 random(1);
  NameArena arena;
  std::vector<std::pair<const char*, std::string>> kept;
  for (int i = 0; i < 20'000; ++i) {
    if (!kept.empty() && random() % 5 < 2) {
      const auto at = random() % kept.size();
      arena.release(kept[at].first, kept[at].second.size());
      kept[at] = kept.back();
      kept.pop_back();
    } else {
      std::string name(random() % 1025, '\0');
      for (char& c : name) c = static_cast<char>(random());
      const char* place = arena.store(name);
      kept.emplace_back(place, std::move(name));
    }
    if (i % 1000 == 0) {
      for (const auto& [place, name] : kept) ASSERT_EQ(std::string_view(place, name.size()), name);
    }
  }
  for (const auto& [place, name] : kept) ASSERT_EQ(std::string_view(place, name.size()), name);
}

TEST(NameArena, UsesTheRoomOfReleasedNamesOfTheSameSizeAgain) {
  NameArena arena;
  for (const std::size_t size : {1, 8, 9, 100, 1023, 1024}) {
    std::vector<const char*> places;
    for (int i = 0; i < 200; ++i) places.push_back(arena.store(std::string(size, 'a')));
    const auto bytes = arena.bytes();
    for (int round = 0; round < 50; ++round) {
      for (const char* place : places) arena.release(place, size);
      places.clear();
      for (int i = 0; i < 200; ++i) places.push_back(arena.store(std::string(size, 'b')));
    }
    EXPECT_EQ(arena.bytes(), bytes) << size;
  }
}

}  // namespace
}  // namespace quipu
