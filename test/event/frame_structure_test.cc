#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/frame_samples.h"

/// Frames with a right checksum and a wrong inside, byte by byte: each must be refused with its reason.
namespace quipu {
namespace {

using testing::HasSubstr;
using namespace testing_event;

/// A frame from its parts, with nothing checked.
struct RawFrame {
  std::uint32_t entries = 1;
  std::uint64_t events = 1;
  std::uint32_t groups = 1;
  std::uint32_t spaces = 1;
  Bytes payload;

  Bytes bytes() const {
    auto frame = encode(sample_header(), {});
    frame.insert(frame.end(), payload.begin(), payload.end());
    const auto length = static_cast<std::uint32_t>(frame.size());
    std::memcpy(frame.data() + 8, &length, 4);
    std::memcpy(frame.data() + 12, &entries, 4);
    std::memcpy(frame.data() + 64, &events, 8);
    std::memcpy(frame.data() + 72, &groups, 4);
    std::memcpy(frame.data() + 76, &spaces, 4);
    recompute_checksum(frame);
    return frame;
  }
};

Bytes raw(std::initializer_list<int> values) {
  Bytes bytes;
  for (const auto value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// The table of one namespace, "v".
const Bytes kOneSpace = raw({1, 0, 0, 0, 'v'});

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes bytes;
  for (const auto& part : parts) put(bytes, part);
  return bytes;
}

void expect_refused(const RawFrame& frame, const std::string& reason) {
  const auto decoded = decode_frame(frame.bytes());
  ASSERT_FALSE(decoded) << "should be: " << reason;
  EXPECT_EQ(decoded.error().code, Code::kDamaged);
  EXPECT_THAT(decoded.error().what, HasSubstr(reason));
}

void expect_payload_refused(const Bytes& payload, const std::string& reason) {
  expect_refused({.payload = payload}, reason);
}

TEST(FrameStructure, TheSmallestFrameIsAccepted) {
  const auto bytes = RawFrame{.payload = joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c'})})}.bytes();
  const auto frame = decode_frame(bytes);
  ASSERT_TRUE(frame) << frame.error().what;
  const auto entry = frame->entries().next();
  EXPECT_EQ(entry->space, "v");
  EXPECT_EQ(entry->counter, "c");
}

TEST(FrameStructure, NamesThePosition) {
  // 96 bytes of header, 5 of the table, 5 of the group's header: the flags are byte 106.
  expect_payload_refused(joined({kOneSpace, raw({1, 1, 0, 0, 0, 64, 1, 'c'})}), "byte 106: unknown flags");
}

TEST(FrameStructure, RefusesABrokenTableOfNamespaces) {
  const auto group = raw({1, 1, 0, 0, 0, 0, 1, 'c'});
  expect_payload_refused(joined({raw({0, 0, 0, 0}), group}), "1 to 63");
  expect_payload_refused(joined({raw({64, 0, 0, 0}), Bytes(64, std::byte{'v'}), group}), "1 to 63");
  expect_payload_refused(joined({raw({200, 0, 0, 0, 'v'}), group}), "passes the end");
  expect_payload_refused(joined({raw({1, 0, 0, 0, 'V'}), group}), "is not [a-z]");
  expect_payload_refused(joined({raw({2, 0, 0, 0, 'v', '.'}), group}), "is not [a-z]");
  expect_refused({.spaces = 2, .payload = joined({raw({2, 0, 0, 0, 1, 0, 0, 0, 'v', 'w'}), group})}, "1 to 63");
  expect_refused({.spaces = 2, .payload = joined({raw({1, 0, 0, 0, 2, 0, 0, 0, 'v', 'v'}), group})}, "stands twice");
  expect_refused({.spaces = 2, .payload = joined({raw({1, 0, 0, 0, 2, 0, 0, 0, 'v', 'w'}), group})}, "no entry uses");
  expect_refused({.spaces = 0xffffffff, .payload = joined({kOneSpace, group})}, "more namespaces than bytes");
  expect_refused({.spaces = 0, .payload = group}, "not in the table");
}

TEST(FrameStructure, RefusesANamespaceOutOfOrderOrOutOfTheTable) {
  const auto table = raw({1, 0, 0, 0, 2, 0, 0, 0, 'v', 'w'});
  expect_refused({.spaces = 2, .payload = joined({table, raw({1, 1, 0, 0, 0, 16, 1, 1, 'c'})})},
                 "not next in the table");
  expect_refused({.spaces = 2, .payload = joined({table, raw({1, 1, 0, 0, 0, 16, 0, 1, 'c'})})}, "the one before");
  expect_refused(
      {.entries = 2, .events = 2, .payload = joined({kOneSpace, raw({1, 2, 0, 0, 0, 0, 1, 'c', 16, 1, 1, 'c'})})},
      "not in the table");
}

TEST(FrameStructure, RefusesABrokenGroup) {
  expect_payload_refused(joined({kOneSpace, raw({1, 1, 0, 0})}), "a group's header is cut off");
  expect_payload_refused(joined({kOneSpace, raw({0, 1, 0, 0, 0, 0, 1, 'c'})}), "unknown kind of group");
  expect_payload_refused(joined({kOneSpace, raw({4, 1, 0, 0, 0, 0, 1, 'c'})}), "unknown kind of group");
  expect_payload_refused(joined({kOneSpace, raw({1, 0, 0, 0, 0, 0, 1, 'c'})}), "an empty group");
  expect_payload_refused(joined({kOneSpace, raw({3, 1, 0, 0, 0, 1, 2, 3})}), "a source is cut off");
  expect_payload_refused(joined({kOneSpace, raw({2, 1, 0, 0, 0, 0, 1, 'c', 1, 2, 3})}), "an id is cut off");
  expect_payload_refused(joined({kOneSpace, raw({1, 2, 0, 0, 0, 0, 1, 'c'})}), "an entry is cut off");
  expect_payload_refused(joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c', 0})}), "bytes behind the last group");
  expect_refused({.entries = 2,
                  .events = 2,
                  .groups = 2,
                  .payload = joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c', 1, 1, 0, 0, 0, 0, 1, 'c'})})},
                 "belongs to the one before");
}

TEST(FrameStructure, RefusesCountsThatDoNotAgree) {
  const auto payload = joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c'})});
  expect_refused({.entries = 2, .payload = payload}, "another number of entries");
  expect_refused({.events = 2, .payload = payload}, "another number of events");
  expect_refused({.groups = 2, .payload = payload}, "a group's header is cut off");
  expect_refused({.groups = 0, .payload = payload}, "bytes behind the last group");
  // Two entries of 2^64-1 events each.
  const auto many = raw({4, 1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1});
  expect_refused({.entries = 2, .payload = joined({kOneSpace, raw({1, 2, 0, 0, 0}), many, many})},
                 "more events than 64 bits hold");
}

TEST(FrameStructure, RefusesABrokenEntry) {
  const auto entry = [](std::initializer_list<int> bytes) {
    return joined({kOneSpace, raw({1, 1, 0, 0, 0}), raw(bytes)});
  };
  expect_payload_refused(entry({0, 0}), "not 1 to 1024 bytes");
  expect_payload_refused(entry({0, 0x81, 8}), "not 1 to 1024 bytes");
  expect_payload_refused(entry({0, 2, 'c'}), "name is cut off");
  expect_payload_refused(entry({0, 0x81, 0, 'c'}), "longer than it needs to be");
  expect_payload_refused(entry({0}), "cut off");
  expect_payload_refused(entry({2, 1, 'c', 2}), "a delta is given though it is 1");
  expect_payload_refused(entry({2, 1, 'c'}), "cut off");
  expect_payload_refused(entry({2, 1, 'c', 0x80}), "cut off");
  expect_payload_refused(entry({2, 1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}), "too large");
  expect_payload_refused(entry({4, 1, 'c', 1}), "though it is 0 or 1");
  expect_payload_refused(entry({4, 1, 'c', 0}), "though it is 0 or 1");
  expect_payload_refused(entry({8, 1, 'c', 0}), "though it is the base time");
  expect_payload_refused(entry({32, 1, 'c', 5}), "a sequence outside a source's group");
  expect_payload_refused(entry({64, 1, 'c'}), "unknown flags");
  expect_payload_refused(entry({128, 1, 'c'}), "unknown flags");
  expect_payload_refused(entry({3, 1, 'c', 0}), "a reset with a delta");
  expect_payload_refused(entry({5, 1, 'c', 0}), "a reset with a delta or events");
  expect_payload_refused(entry({1, 1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10}),
                         "no log can have made");
}

TEST(FrameStructure, RefusesASequenceOutOfRange) {
  const auto source = [](std::initializer_list<int> bytes) {
    return joined({kOneSpace, raw({3, 1, 0, 0, 0}), Bytes(16), raw(bytes)});
  };
  expect_payload_refused(source({32, 1, 'c', 1}), "though it is the next one");
  expect_payload_refused(source({32, 1, 'c', 0}), "not 1 to 2^63-1");
  expect_payload_refused(source({32, 1, 'c', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}),
                         "not 1 to 2^63-1");
  // The largest sequence, and then one that would follow it.
  const auto last = raw({32, 1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f});
  expect_refused({.entries = 2,
                  .events = 2,
                  .payload = joined({kOneSpace, raw({3, 2, 0, 0, 0}), Bytes(16), last, raw({0, 1, 'c'})})},
                 "not 1 to 2^63-1");
}

TEST(FrameStructure, RefusesAHeaderOutOfBounds) {
  const auto whole = RawFrame{.payload = joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c'})})}.bytes();
  const auto with = [&](std::size_t at, int value) {
    auto bytes = whole;
    bytes[at] = static_cast<std::byte>(value);
    recompute_checksum(bytes);
    const auto frame = decode_frame(bytes);
    return frame ? std::string("accepted") : frame.error().what;
  };
  EXPECT_THAT(with(0, 'X'), HasSubstr("no frame begins here"));
  EXPECT_THAT(with(5, 1), HasSubstr("reserved"));
  EXPECT_THAT(with(7, 4), HasSubstr("partition is above 1023"));
  EXPECT_THAT(with(8, 1), HasSubstr("length"));
  EXPECT_THAT(with(34, 0x10), HasSubstr("generation is above 20 bits"));
  EXPECT_THAT(with(83, 1), HasSubstr("reserved"));
  auto large = encode(sample_header(), {});
  large.resize(kFrameBytesMax + 1);
  const auto length = static_cast<std::uint32_t>(large.size());
  std::memcpy(large.data() + 8, &length, 4);
  recompute_checksum(large);
  EXPECT_THAT(decode_frame(large).error().what, HasSubstr("above the limit of 4194304"));
}

TEST(FrameStructure, OfBytesThatAreAsTheyWereWrittenAllButTheChecksumIsLookedAt) {
  auto frame = RawFrame{.payload = joined({kOneSpace, raw({1, 1, 0, 0, 0, 0, 1, 'c'})})}.bytes();
  frame.back() = std::byte{'d'};
  EXPECT_THAT(decode_frame(frame).error().what, HasSubstr("the checksum does not match"));
  const auto trusted = decode_frame(frame, FrameBytes::kAsWritten);
  ASSERT_TRUE(trusted) << trusted.error().what;
  EXPECT_EQ(trusted->entries().next()->counter, "d");
  frame.push_back(std::byte{0});
  EXPECT_THAT(decode_frame(frame, FrameBytes::kAsWritten).error().what, HasSubstr("length"));
}

}  // namespace
}  // namespace quipu
