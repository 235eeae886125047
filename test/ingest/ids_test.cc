#include "ingest/ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

#include "event/entry.h"

/// The hashes of docs/formats/hashes.md, for good: an id in the log is only known again by its hash. The values were
/// worked out with another implementation of XXH3, from the bytes that the page gives.
namespace quipu {
namespace {

constexpr HashSecret kSecret{0x0123456789abcdef, 0xfedcba9876543210};

TEST(Ids, AreAsThePageSays) {
  EXPECT_EQ(id_hash(kSecret, "views", "cats", "order-17").id, (Hash128{0x18c6dd9eaab2fb63, 0x9c81c413cfe434b0}));
  EXPECT_EQ(id_hash(kSecret, "views", "cats", "order-17").body, 0u);
  EXPECT_EQ(viewer_hash(kSecret, "views", "cats", "ann", 472222).id, (Hash128{0x611170cd24e6c018, 0xe4f55f3f7df6c619}));
  EXPECT_EQ(source_hash(kSecret, "views", "access.log"), (Hash128{0xbd54e4b5bd7afecc, 0x7d90f954e9638589}));
  EXPECT_EQ(body_hash(5, 1700000000123), 0xe2a60f5bu);
  EXPECT_EQ(body_hash(1, 0), 0x8cf52011u);
  EXPECT_EQ(body_hash(-1, 0), 0xeeed5915u);
}

TEST(Ids, NoTwoListsOfPartsGiveTheSame) {
  std::set<Hash128> all;
  std::size_t given = 0;
  const auto add = [&](const Hash128& hash) {
    ++given;
    all.insert(hash);
  };
  for (const HashSecret& secret :
       {kSecret, HashSecret{kSecret.low + 1, kSecret.high}, HashSecret{kSecret.low, kSecret.high + 1}}) {
    add(id_hash(secret, "ab", "c", "d").id);
    add(id_hash(secret, "a", "bc", "d").id);
    add(id_hash(secret, "a", "b", "cd").id);
    add(id_hash(secret, "a", "bcd", "").id);
    add(viewer_hash(secret, "ab", "c", "d", 0).id);
    add(viewer_hash(secret, "ab", "c", "d", 1).id);
    add(viewer_hash(secret, "ab", "c", "d", -1).id);
    add(source_hash(secret, "ab", "c"));
    add(source_hash(secret, "a", "bc"));
  }
  EXPECT_EQ(all.size(), given);
}

TEST(Ids, NoClientCanMakeTheIdOfAViewer) {
  // The window's number stands behind the viewer, where an id could be made to look like both.
  const std::string looks_like = std::string("ann") + std::string(8, '\0');
  EXPECT_NE(id_hash(kSecret, "views", "cats", looks_like).id, viewer_hash(kSecret, "views", "cats", "ann", 0).id);
}

TEST(Ids, TakeTheLongestNames) {
  const std::string space(kNamespaceBytesMax, 's');
  const std::string counter(kCounterBytesMax, 'c');
  const std::string id(kIdBytesMax, 'i');
  EXPECT_NE(id_hash(kSecret, space, counter, id).id, id_hash(kSecret, space, counter, id.substr(1)).id);
  EXPECT_NE(viewer_hash(kSecret, space, counter, id, INT64_MAX).id,
            viewer_hash(kSecret, space, counter, id, INT64_MIN).id);
}

TEST(BodyHash, TellsOtherContentApart) {
  EXPECT_NE(body_hash(1, 0), body_hash(2, 0));
  EXPECT_NE(body_hash(1, 0), body_hash(1, 1));
  EXPECT_NE(body_hash(1, 2), body_hash(2, 1));
}

}  // namespace
}  // namespace quipu
