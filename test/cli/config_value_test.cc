#include "cli/config_value.h"

#include <gtest/gtest.h>

#include <array>

namespace quipu {
namespace {

TEST(ConfigValue, ReadsWholeNumbers) {
  EXPECT_EQ(parse_integer("0").value(), 0);
  EXPECT_EQ(parse_integer("-12").value(), -12);
  EXPECT_EQ(parse_integer("1_000_000").value(), 1'000'000);
  EXPECT_EQ(parse_integer("9223372036854775807").value(), INT64_MAX);
  for (const auto* bad : {"", " 1", "1 ", "1.5", "0x10", "_1", "1_", "1__0", "9223372036854775808", "one", "+1"}) {
    EXPECT_FALSE(parse_integer(bad)) << bad;
  }
}

TEST(ConfigValue, ReadsSizes) {
  EXPECT_EQ(parse_bytes("65536").value(), 65'536);
  EXPECT_EQ(parse_bytes("64KiB").value(), 64 << 10);
  EXPECT_EQ(parse_bytes("64 MiB").value(), 64 << 20);
  EXPECT_EQ(parse_bytes("1.5GiB").value(), std::int64_t{3} << 29);
  EXPECT_EQ(parse_bytes("2TiB").value(), std::int64_t{2} << 40);
  for (const auto* bad : {"", "MiB", "64MB", "64mib", "64MiBs", "0.3B", "9999999999TiB", "nanGiB", "infB", "1e3KiB"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

TEST(ConfigValue, ReadsDurations) {
  EXPECT_EQ(parse_duration_ms("0").value(), 0);
  EXPECT_EQ(parse_duration_ms("500ms").value(), 500);
  EXPECT_EQ(parse_duration_ms("1s").value(), 1'000);
  EXPECT_EQ(parse_duration_ms("1.5s").value(), 1'500);
  EXPECT_EQ(parse_duration_ms("10m").value(), 600'000);
  EXPECT_EQ(parse_duration_ms("24h").value(), 86'400'000);
  EXPECT_EQ(parse_duration_ms("7d").value(), 7 * 86'400'000LL);
  for (const auto* bad : {"", "s", "10", "1 second", "1h30m", "0.0001s", "99999999999999d"}) {
    EXPECT_FALSE(parse_duration_ms(bad)) << bad;
  }
}

TEST(ConfigValue, ADurationWithoutAUnitIsToldSo) {
  EXPECT_EQ(parse_duration_ms("10").error().what, "has no unit: ms, s, m, h or d");
}

TEST(ConfigValue, WhatItWritesItReadsAsTheSame) {
  for (const std::int64_t value : {0LL, 1LL, 999LL, 1'000LL, 1'024LL, 65'536LL, 3LL << 29, 86'400'000LL, 123'456'789LL,
                                   7 * 86'400'000LL, 8 * 86'400'000LL}) {
    EXPECT_EQ(parse_bytes(format_bytes(value)).value(), value) << format_bytes(value);
    EXPECT_EQ(parse_duration_ms(format_duration_ms(value)).value(), value) << format_duration_ms(value);
  }
  EXPECT_EQ(format_bytes(64 << 20), "64MiB");
  EXPECT_EQ(format_duration_ms(86'400'000), "24h");
  EXPECT_EQ(format_duration_ms(1'500), "1500ms");
}

TEST(ConfigValue, ReadsAddresses) {
  EXPECT_EQ(parse_address("127.0.0.1:8080").value(), (Address{"127.0.0.1", 8080}));
  EXPECT_EQ(parse_address("[::1]:80").value(), (Address{"::1", 80}));
  EXPECT_EQ(parse_address(":6380").value(), (Address{"0.0.0.0", 6380}));
  EXPECT_EQ(parse_address("localhost:0").value(), (Address{"localhost", 0}));
  for (const auto* bad : {"", "8080", "localhost", "localhost:", "localhost:65536", "localhost:-1", "::1:80", "[]:80",
                          "http://localhost:80", "a b:80"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(ConfigValue, ReadsBooleans) {
  EXPECT_TRUE(parse_bool("true").value());
  EXPECT_FALSE(parse_bool("off").value());
  EXPECT_FALSE(parse_bool("maybe"));
}

TEST(ConfigValue, CountsTheLettersBetweenWords) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("serve", "serve"), 0u);
  EXPECT_EQ(edit_distance("srve", "serve"), 1u);
  EXPECT_EQ(edit_distance("sevre", "serve"), 1u) << "two neighbours swapped";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(ConfigValue, SuggestsOnlyWhatIsNear) {
  const std::array<std::string_view, 3> words = {"serve", "version", "bench"};
  EXPECT_EQ(nearest("srve", words), "serve");
  EXPECT_EQ(nearest("verison", words), "version");
  EXPECT_EQ(nearest("zzzzzzz", words), "");
}

}  // namespace
}  // namespace quipu
