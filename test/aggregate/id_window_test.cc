#include "aggregate/id_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <list>
#include <random>
#include <string>

namespace quipu {
namespace {

using Verdict = IdWindow::Verdict;

/// The window worked out the plain way: a list, oldest first.
class PlainWindow {
 public:
  explicit PlainWindow(std::size_t ids_max) : ids_max_(ids_max) {}

  Verdict find(const IdHash& id) const {
    for (const IdHash& known : ids_) {
      if (known.id == id.id) return known.body == id.body ? Verdict::kRepeat : Verdict::kOtherBody;
    }
    return Verdict::kNew;
  }
  Verdict appear(IdHash id) {
    const auto verdict = find(id);
    if (const auto at = std::find_if(ids_.begin(), ids_.end(), [&](const auto& known) { return known.id == id.id; });
        at != ids_.end()) {
      id.body = at->body;
      ids_.erase(at);
    }
    ids_.push_back(id);
    if (ids_.size() > ids_max_) ids_.pop_front();
    return verdict;
  }
  std::size_t size() const { return ids_.size(); }

 private:
  std::size_t ids_max_;
  std::list<IdHash> ids_;
};

/// Ids whose hashes are alike in their low bits, so that their probes cross.
IdHash crowded_id(std::uint64_t number, std::uint32_t body) { return {{number, number * 8 % 64}, body}; }
IdHash id_of(std::uint64_t number, std::uint32_t body = 0) {
  return {{number * 0x9e3779b97f4a7c15, number * 0xc2b2ae3d27d4eb4f}, body};
}

void expect_same(const IdWindow& window, const PlainWindow& plain, std::uint64_t ids,
                 IdHash (*make)(std::uint64_t, std::uint32_t)) {
  ASSERT_EQ(window.size(), plain.size());
  for (std::uint64_t number = 0; number < ids; ++number) {
    for (std::uint32_t body = 0; body < 2; ++body) {
      ASSERT_EQ(window.find(make(number, body)), plain.find(make(number, body))) << number;
    }
  }
}

TEST(IdWindow, AnswersAsAPlainListDoesWhateverAppears) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto make = seed % 2 == 0 ? crowded_id : id_of;
    const std::size_t ids_max = std::array<std::size_t, 4>{1, 2, 40, 150}[seed % 4];
    const std::uint64_t ids = ids_max * 2 + 3;
    IdWindow window(ids_max);
    PlainWindow plain(ids_max);
    // Above 2 N + 1024 appearances the window is made smaller; this passes there several times.
    for (int i = 0; i < 6'000; ++i) {
      const auto id = make(random() % ids, static_cast<std::uint32_t>(random() % 16 == 0));
      ASSERT_EQ(window.find(id), plain.find(id));
      ASSERT_EQ(window.appear(id, i), plain.appear(id));
      if (i % 500 == 0) expect_same(window, plain, ids, make);
      if (HasFatalFailure()) return;
    }
    expect_same(window, plain, ids, make);
  }
}

TEST(IdWindow, ForgetsTheIdThatCameLongestAgoAndNotTheOneThatCameFirst) {
  IdWindow window(3);
  window.appear(id_of(1), 0);
  window.appear(id_of(2), 0);
  window.appear(id_of(3), 0);
  window.appear(id_of(1), 0);
  window.appear(id_of(4), 0);
  EXPECT_EQ(window.find(id_of(1)), Verdict::kRepeat);
  EXPECT_EQ(window.find(id_of(2)), Verdict::kNew);
  EXPECT_EQ(window.size(), 3u);
}

TEST(IdWindow, KeepsTheBodyThatAnIdFirstCameWith) {
  IdWindow window(10);
  EXPECT_EQ(window.appear(id_of(1, 5), 0), Verdict::kNew);
  EXPECT_EQ(window.appear(id_of(1, 6), 0), Verdict::kOtherBody);
  EXPECT_EQ(window.appear(id_of(1, 6), 0), Verdict::kOtherBody);
  EXPECT_EQ(window.find(id_of(1, 5)), Verdict::kRepeat);
}

TEST(IdWindow, HoldsABoundedNumberOfAppearancesOfAnIdThatKeepsComing) {
  IdWindow window(1'000);
  const auto empty = window.bytes();
  for (int i = 0; i < 200'000; ++i) window.appear(id_of(static_cast<std::uint64_t>(i % 3)), i);
  EXPECT_EQ(window.size(), 3u);
  EXPECT_LE(window.bytes(), empty + 6 * 1024 * 24);
}

TEST(IdWindow, KnowsAboutWhenItsOldestIdAppeared) {
  IdWindow window(2'000);
  EXPECT_EQ(window.oldest_time(), 0);
  for (int i = 0; i < 10'000; ++i) window.appear(id_of(static_cast<std::uint64_t>(i)), 1'000 + i);
  EXPECT_LE(window.oldest_time(), 1'000 + 8'000);
  EXPECT_GT(window.oldest_time(), 1'000 + 8'000 - 1'024);
}

Bytes take_all(IdWindow::Snapshot snapshot, std::size_t step) {
  Bytes bytes;
  while (snapshot.take(bytes, step)) {
  }
  EXPECT_EQ(bytes.size(), snapshot.size());
  return bytes;
}

TEST(IdWindow, ComesBackFromASnapshotAsItWasThoughOthersAppearMeanwhile) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::size_t ids_max = seed % 2 == 0 ? 50 : 1'500;
    const std::uint64_t ids = ids_max * 2;
    IdWindow window(ids_max);
    PlainWindow plain(ids_max);
    const auto appear = [&](bool to_plain) {
      const auto id = id_of(random() % ids, static_cast<std::uint32_t>(random() % 16 == 0));
      window.appear(id, 0);
      if (to_plain) plain.appear(id);
    };
    for (int i = 0; i < 4'321; ++i) appear(true);
    auto snapshot = window.snapshot();
    Bytes bytes;
    for (bool more = true; more;) {
      more = snapshot.take(bytes, 300);
      for (int i = 0; i < 20; ++i) appear(false);
    }
    IdWindow back(ids_max);
    ASSERT_TRUE(back.restore(bytes).has_value());
    expect_same(back, plain, ids, id_of);
    for (int i = 0; i < 3'000 && !HasFatalFailure(); ++i) {  // And it goes on forgetting in the same order.
      const auto id = id_of(random() % ids);
      ASSERT_EQ(back.appear(id, 0), plain.appear(id));
    }
  }
}

TEST(IdWindow, KeepsItsNewestIdsWhenItComesBackWithASmallerBound) {
  IdWindow window(100);
  for (std::uint64_t i = 0; i < 100; ++i) window.appear(id_of(i), 0);
  IdWindow back(10);
  ASSERT_TRUE(back.restore(take_all(window.snapshot(), 1'000)).has_value());
  EXPECT_EQ(back.size(), 10u);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(back.find(id_of(i)), i < 90 ? Verdict::kNew : Verdict::kRepeat);
}

TEST(IdWindow, RefusesASnapshotThatIsCutOffAnywhereOrGoesOn) {
  IdWindow window(5);
  for (std::uint64_t i = 0; i < 5; ++i) window.appear(id_of(i), 0);
  Bytes bytes = take_all(window.snapshot(), 1);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    IdWindow back(5);
    const auto restored = back.restore(ByteView(bytes).first(size));
    ASSERT_FALSE(restored.has_value()) << size;
    ASSERT_EQ(restored.error().code, Code::kDamaged);
  }
  bytes.push_back(std::byte{0});
  IdWindow longer(5);
  EXPECT_FALSE(longer.restore(bytes).has_value());
  bytes.pop_back();
  bytes[0] ^= std::byte{1};
  IdWindow other(5);
  EXPECT_FALSE(other.restore(bytes).has_value());
}

TEST(IdWindow, TakesAnEmptySnapshot) {
  IdWindow back(5);
  EXPECT_TRUE(back.restore(take_all(IdWindow(5).snapshot(), 100)).has_value());
  EXPECT_EQ(back.size(), 0u);
}

}  // namespace
}  // namespace quipu
