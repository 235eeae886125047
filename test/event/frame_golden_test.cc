#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "event/frame_samples.h"

/// The bytes of version 1, for good: what these files hold must be read by every later version, and written by
/// this one. A failure here means that logs on disks can no longer be read.
namespace quipu {
namespace {

using namespace testing_event;

/// Reads hexadecimal text; `#` begins a comment.
Bytes golden(const std::string& name) {
  std::ifstream file(std::string(QUIPU_SOURCE_DIR) + "/test/event/golden/" + name + ".hex");
  EXPECT_TRUE(file) << name;
  Bytes bytes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      bytes.push_back(static_cast<std::byte>(std::strtoul(word.c_str(), nullptr, 16)));
    }
  }
  return bytes;
}

std::string hex(ByteView bytes) {
  std::string text;
  char digits[4];
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(bytes[i]));
    text += digits;
    text += i % 16 == 15 || i + 1 == bytes.size() ? '\n' : ' ';
  }
  return text;
}

void expect_golden(const std::string& name, const FrameHeader& header, const std::vector<OwnedEntry>& entries) {
  const auto bytes = golden(name);
  EXPECT_EQ(hex(encode(header, entries)), hex(bytes)) << name;
  const auto frame = decode_frame(bytes);
  ASSERT_TRUE(frame) << name << ": " << frame.error().what;
  auto read = frame->header();
  read.entries = 0;
  read.events = 0;
  EXPECT_EQ(read, header);
  auto walk = frame->entries();
  for (const auto& entry : entries) EXPECT_EQ(walk.next(), entry.view());
  EXPECT_FALSE(walk.next());
}

TEST(FrameGolden, TheWorkedExampleOfThePage) {
  const auto header = sample_header();
  auto like = plain("likes", "cats", -2, 3, header.base_time + 250);
  expect_golden("v1_example", header, {plain("views", "cats", 1, 1, header.base_time), like});
}

TEST(FrameGolden, NoEntries) { expect_golden("v1_empty", sample_header(), {}); }

TEST(FrameGolden, EveryKindOfGroupAndField) {
  const auto header = sample_header();
  std::vector<OwnedEntry> entries;
  entries.push_back(plain("views", "a", 1, 1, header.base_time));
  entries.push_back(plain("views", std::string("\0\xff", 2), INT64_MIN, UINT64_MAX / 2, header.base_time - 1));
  entries.push_back(plain("n0-_", "b", INT64_MAX, 1, 0));
  entries.push_back(plain("views", "b", 0, 2, INT64_MIN));
  auto reset = plain("views", "a", 0, 0, header.base_time);
  reset.entry.kind = EntryKind::kReset;
  entries.push_back(reset);
  reset.entry.epoch = epoch_of(Generation(3), Offset(77));
  entries.push_back(reset);
  auto id = plain("n0-_", "with-id", 1, 1, header.base_time);
  id.entry.group = GroupKind::kIds;
  id.entry.id = {{0x0123456789abcdef, 0xfedcba9876543210}, 0xdeadbeef};
  entries.push_back(id);
  auto source = plain("n0-_", "of-source", 5, 1, header.base_time);
  source.entry.group = GroupKind::kSource;
  source.entry.source = {0x1111111111111111, 0x2222222222222222};
  source.entry.sequence = 1;
  entries.push_back(source);
  source.entry.sequence = 2;
  entries.push_back(source);
  source.entry.sequence = kSequenceMax;
  entries.push_back(source);
  source.entry.source = {0x3333333333333333, 0x4444444444444444};
  source.entry.sequence = 41;
  entries.push_back(source);
  expect_golden("v1_everything", header, entries);
}

}  // namespace
}  // namespace quipu
