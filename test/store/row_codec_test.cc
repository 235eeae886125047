#include "store/row_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "store/base_files.h"

namespace quipu {
namespace {

constexpr auto kMax = UINT64_MAX;

std::string row_key(std::uint64_t routing, std::string_view space, std::string_view counter, ShardId shard) {
  std::string key;
  put_row_key(key, routing, space, counter, shard);
  return key;
}

std::string row_value(const Row& row) {
  std::string value;
  put_row_value(value, row);
  return value;
}

ShardId shard(std::uint32_t generation, std::uint16_t partition) {
  return {Generation{generation}, PartitionId{partition}};
}

Row example_row() { return {-2, 300, epoch_of(Generation{1}, Offset{4}), Offset{70'000}, kRowSaturated}; }

TEST(RowCodec, ReadsBackEveryKindOfRow) {
  for (const Row& row : {Row{}, example_row(), Row{INT64_MAX, kMax, Epoch{}, Offset{kOffsetMax}, 0},
                         Row{INT64_MIN, 0, epoch_of(Generation{kGenerationMax}, Offset{kOffsetMax}), Offset{1}, 0}}) {
    const auto read = read_row_value(row_value(row));
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(*read, row);
  }
}

TEST(RowCodec, RefusesARowThatIsCutOffOrGoesOn) {
  const auto value = row_value(example_row());
  for (std::size_t size = 0; size < value.size(); ++size) {
    const auto read = read_row_value(value.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, Code::kDamaged);
  }
  EXPECT_FALSE(read_row_value(value + '\0'));
}

TEST(RowCodec, RefusesWhatThisVersionWouldNotWrite) {
  const auto value = row_value(example_row());
  const auto altered = [&](std::size_t at, char byte) {
    auto copy = value;
    copy[at] = byte;
    return copy;
  };
  EXPECT_FALSE(read_row_value(altered(0, 2))) << "another version";
  EXPECT_FALSE(read_row_value(altered(0, 0)));
  EXPECT_FALSE(read_row_value(altered(1, 3))) << "an unknown flag";
  EXPECT_FALSE(read_row_value(altered(1, static_cast<char>(0x80))));
  std::string padded{1, 0, static_cast<char>(0x80), 0, 0, 0, 0};
  EXPECT_FALSE(read_row_value(padded)) << "a number that is longer than it needs to be";
  std::string far = row_value({0, 1, Epoch{}, Offset{kOffsetMax}, 0});
  far.back() = static_cast<char>(far.back() + 1);
  EXPECT_FALSE(read_row_value(far)) << "an offset beyond the largest";
  EXPECT_FALSE(read_row_value(row_value({0, 1, Epoch{std::uint64_t{1} << 60}, Offset{1}, 0})));
}

TEST(RowCodec, ReadsBackEveryKindOfKey) {
  const std::string odd("\0\xff\x10", 3);
  for (const auto& counter : {std::string("c"), odd, std::string(1024, 'x')}) {
    const auto key = row_key(kMax - 1, "views", counter, shard(7, 513));
    const auto read = read_row_key(key);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->routing, kMax - 1);
    EXPECT_EQ(read->space, "views");
    EXPECT_EQ(read->counter, counter);
    EXPECT_EQ(read->shard, shard(7, 513));
    for (std::size_t size = 0; size < key.size(); ++size) EXPECT_FALSE(read_row_key(key.substr(0, size))) << size;
    EXPECT_FALSE(read_row_key(key + "x"));
  }
  EXPECT_FALSE(read_row_key(watermark_key(PartitionId{1})));
}

TEST(RowCodec, OrdersRowsByRoutingHashThenCounterThenShard) {
  const std::vector<std::string> ordered{row_key(0, "views", "cats", shard(1, 0)),
                                         row_key(1, "views", "cats", shard(1, 0)),
                                         row_key(1, "views", "cats", shard(1, 1)),
                                         row_key(1, "views", "cats", shard(1, 256)),
                                         row_key(1, "views", "cats", shard(2, 0)),
                                         row_key(1, "views", "cats", shard(256, 0)),
                                         row_key(1, "views", "dogs", shard(1, 0)),
                                         row_key(255, "views", "cats", shard(1, 0)),
                                         row_key(256, "views", "cats", shard(1, 0)),
                                         row_key(kMax / 2, "views", "cats", shard(1, 0)),
                                         row_key(kMax / 2 + 1, "views", "cats", shard(1, 0)),
                                         row_key(kMax, "views", "cats", shard(1, 0))};
  EXPECT_TRUE(std::is_sorted(ordered.begin(), ordered.end()));
}

TEST(RowCodec, NoCountersPrefixBeginsAnotherCountersKey) {
  // With the same routing hash only the names tell counters apart, and a name may look like the rest of a key.
  const std::vector<std::pair<std::string, std::string>> names{
      {"v", "iews"},   {"vi", "ews"}, {"views", "a"}, {"views", std::string("a\0\0\0\1\0\0", 7)},
      {"views", "aa"}, {"views", ""}};
  for (const auto& [space, counter] : names) {
    std::string prefix;
    put_counter_prefix(prefix, 5, space, counter);
    for (const auto& [other_space, other] : names) {
      const bool same = space == other_space && counter == other;
      EXPECT_EQ(row_key(5, other_space, other, shard(1, 0)).starts_with(prefix), same);
    }
  }
}

TEST(RowCodec, RefusesMalformedSourcesWatermarksAndSettings) {
  const auto key = source_key(PartitionId{1}, {2, 3});
  const auto value = source_value({PartitionId{1}, {2, 3}, 400, Offset{500}});
  EXPECT_TRUE(read_source(key, value));
  EXPECT_FALSE(read_source(key.substr(1), value));
  EXPECT_FALSE(read_source(key, value.substr(0, 3)));
  EXPECT_FALSE(read_source(key, value + "x"));
  EXPECT_FALSE(read_source(key, std::string(1, '\2').append(value.substr(1))));
  EXPECT_FALSE(read_source(key, source_value({PartitionId{1}, {2, 3}, 1, Offset{kOffsetMax + 1}})));
  EXPECT_FALSE(read_watermark(watermark_key(PartitionId{1}), ""));
  EXPECT_FALSE(read_watermark(watermark_key(PartitionId{1}), "\1"));
  EXPECT_FALSE(read_watermark(watermark_key(PartitionId{1}) + "x", watermark_value({PartitionId{1}, Offset{1}, {}})));
  EXPECT_FALSE(read_setting_value(""));
  EXPECT_FALSE(read_setting_value("\2text"));
  EXPECT_FALSE(read_format_value("abc"));
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

/// name -> "key | value", as the golden file has it.
std::map<std::string, std::string> golden() {
  std::ifstream file(std::string(QUIPU_SOURCE_DIR) + "/test/store/golden/v1.txt");
  EXPECT_TRUE(file);
  std::map<std::string, std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto bar = line.find(" | ");
    lines[line.substr(0, bar)] = line.substr(bar + 3);
  }
  return lines;
}

/// A failure here means that stores on disks can no longer be read.
TEST(RowCodec, WritesTheBytesOfVersionOne) {
  Bytes chains;
  put(chains, as_bytes("chains"));
  const Watermark mark{PartitionId{513}, Offset{300}, chains};
  const SourceRow source{PartitionId{2}, {0x0123456789abcdef, 0xfedcba9876543210}, 9, Offset{128}};
  const Row negative{INT64_MIN, kMax, epoch_of(Generation{3}, Offset{kOffsetMax}), Offset{kOffsetMax}, 0};
  const Base base{Offset{77}, chains};
  const std::map<std::string, std::string> written{
      {"format", hex(format_key()) + " | " + hex(format_value(kStoreFormatVersion))},
      {"row", hex(row_key(0x0123456789abcdef, "views", "cats", shard(3, 5))) + " | " + hex(row_value(example_row()))},
      {"row extremes", hex(row_key(kMax, "n0-_", std::string("\0\xff", 2), shard(kGenerationMax, 1023))) + " | " +
                           hex(row_value(negative))},
      {"row empty", hex(row_key(0, "a", "b", shard(1, 0))) + " | " + hex(row_value({}))},
      {"source", hex(source_key(source.partition, source.source)) + " | " + hex(source_value(source))},
      {"watermark", hex(watermark_key(mark.partition)) + " | " + hex(watermark_value(mark))},
      {"setting", hex(setting_key("namespace/views")) + " | " + hex(setting_value("ack=durable"))},
      {"base windows", "- | " + hex(as_text(windows_file(base)))},
  };
  EXPECT_EQ(written, golden());
}

}  // namespace
}  // namespace quipu
