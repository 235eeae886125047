#include "event/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/frame_samples.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using namespace testing_event;

void expect_entries(const Frame& frame, const std::vector<OwnedEntry>& expected) {
  auto entries = frame.entries();
  auto again = frame.entries();
  Entry reused;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto entry = entries.next();
    ASSERT_TRUE(again.next(reused));
    ASSERT_EQ(reused, expected[i].view()) << i;
    ASSERT_TRUE(entry) << i;
    ASSERT_EQ(*entry, expected[i].view()) << i;
  }
  EXPECT_FALSE(entries.next());
  EXPECT_FALSE(entries.next());
  EXPECT_FALSE(again.next(reused));
}

TEST(Frame, IsTheSameNumberedBeforeOrBehindItsEncoding) {
  std::mt19937_64 random(8);
  FrameEncoder encoder;
  auto header = sample_header();
  std::vector<OwnedEntry> entries(40);
  for (auto& entry : entries) entry = random_entry(random, header.base_time);
  const auto encode_with = [&](NodeIdentity writer, std::uint64_t number) {
    header.writer = writer;
    header.number = number;
    encoder.begin(header);
    for (const auto& entry : entries) encoder.add(entry.view());
    const auto bytes = encoder.finish();
    return Bytes(bytes.begin(), bytes.end());
  };
  auto frame = encode_with({}, 0);
  stamp_chain(frame, {17, 4}, 1'000'000'000'000);
  EXPECT_EQ(frame, encode_with({17, 4}, 1'000'000'000'000));
}

TEST(Frame, IsTheSameWhateverTheSeedOfItsEncoder) {
  std::mt19937_64 random(9);
  std::vector<OwnedEntry> entries(400);
  for (auto& entry : entries) entry = random_entry(random, sample_header().base_time);
  const auto encode_by = [&](FrameEncoder encoder) {
    encoder.begin(sample_header());
    for (const auto& entry : entries) encoder.add(entry.view());
    const auto bytes = encoder.finish();
    return Bytes(bytes.begin(), bytes.end());
  };
  const auto plain = encode_by(FrameEncoder());
  for (int round = 0; round < 20; ++round) EXPECT_EQ(encode_by(FrameEncoder(random())), plain);
}

TEST(Frame, ComesBackAsItWasWritten) {
  std::mt19937_64 random(20'261'124);
  FrameEncoder encoder;
  for (int round = 0; round < 300; ++round) {
    auto header = sample_header();
    header.base_time = static_cast<TimeMs>(random() % 2 == 0 ? random() : 1'700'000'000'000);
    header.partition = PartitionId(static_cast<std::uint16_t>(random() % kPartitionsMax));
    header.number = random();
    std::vector<OwnedEntry> entries(random() % (round % 10 == 0 ? 2'000 : 12));
    for (auto& entry : entries) entry = random_entry(random, header.base_time);

    encoder.begin(header);
    for (const auto& entry : entries) {
      encoder.add(entry.view());
      header.events += entry.entry.events;
    }
    header.entries = static_cast<std::uint32_t>(entries.size());
    EXPECT_EQ(encoder.entries(), entries.size());
    const auto bytes = encoder.finish();
    EXPECT_GE(encoder.size(), bytes.size());

    const auto frame = decode_frame(bytes);
    ASSERT_TRUE(frame) << frame.error().what;
    EXPECT_EQ(frame->header(), header);
    expect_entries(*frame, entries);
    EXPECT_EQ(frame_length(bytes), bytes.size());
    EXPECT_EQ(frame_partition(bytes), header.partition);
  }
}

TEST(Frame, CanBeFinishedAndAddedToAgain) {
  // 300 namespaces pass the room that the encoder keeps in front of the groups.
  FrameEncoder encoder;
  encoder.begin(sample_header());
  std::vector<OwnedEntry> entries;
  for (int i = 0; i < 300; ++i) {
    entries.push_back(plain(std::string("space").append(std::to_string(i)), "c", i, 1, i));
    encoder.add(entries.back().view());
    const auto frame = decode_frame(encoder.finish());
    ASSERT_TRUE(frame) << i << ": " << frame.error().what;
    expect_entries(*frame, entries);
  }
}

TEST(Frame, OfNoEntriesIsOnlyAHeader) {
  const auto bytes = encode(sample_header(), {});
  EXPECT_EQ(bytes.size(), kFrameHeaderBytes);
  const auto frame = decode_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->entries().next());
}

TEST(Frame, TakesAFlagByteAndTheNameForOneEventAtTheBaseTime) {
  const auto header = sample_header();
  const auto one = encode(header, {plain("views", "video", 1, 1, header.base_time)});
  const auto two = encode(
      header, {plain("views", "video", 1, 1, header.base_time), plain("views", "video", 1, 1, header.base_time)});
  EXPECT_EQ(two.size() - one.size(), 1 + 1 + 5);
}

TEST(Frame, EntriesOutliveTheFrameObject) {
  const auto bytes = encode(sample_header(), {plain("views", "a"), plain("likes", "b")});
  auto entries = decode_frame(bytes)->entries();
  EXPECT_EQ(entries.next()->space, "views");
  EXPECT_EQ(entries.next()->space, "likes");
}

/// One frame of everything: three namespaces, all kinds of groups, long and short numbers.
Bytes mixed_frame() {
  std::mt19937_64 random(7);
  std::vector<OwnedEntry> entries;
  for (int i = 0; i < 24; ++i) entries.push_back(random_entry(random, sample_header().base_time));
  return encode(sample_header(), entries);
}

TEST(Frame, RefusesEverySingleAlteredByte) {
  auto bytes = mixed_frame();
  ASSERT_TRUE(decode_frame(bytes));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned flip : {1u, 0x80u, 0xffu}) {
      bytes[at] ^= static_cast<std::byte>(flip);
      const auto frame = decode_frame(bytes);
      ASSERT_FALSE(frame) << at;
      ASSERT_EQ(frame.error().code, Code::kDamaged);
      bytes[at] ^= static_cast<std::byte>(flip);
    }
  }
}

TEST(Frame, RefusesEveryTruncationAndAByteTooMany) {
  auto bytes = mixed_frame();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode_frame(ByteView(bytes).first(size))) << size;
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_frame(bytes));
}

TEST(Frame, RefusesEveryTruncationEvenWithARightLengthAndChecksum) {
  const auto whole = mixed_frame();
  for (std::size_t size = kFrameHeaderBytes; size < whole.size(); ++size) {
    Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(bytes.data() + 8, &length, sizeof(length));
    recompute_checksum(bytes);
    const auto frame = decode_frame(bytes);
    ASSERT_FALSE(frame) << size;
    ASSERT_THAT(frame.error().what, HasSubstr("byte "));
  }
}

/// Whatever is in the bytes, a decoder that says yes has a frame that can be walked and is written the same again.
TEST(Frame, HasOneFormOnly) {
  std::mt19937_64 random(99);
  const auto whole = mixed_frame();
  int accepted = 0;
  for (int round = 0; round < 60'000; ++round) {
    auto bytes = whole;
    // Above the fields that are free (identity, chain): those would be accepted with any value.
    const auto at = 64 + random() % (bytes.size() - 64);
    bytes[at] = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 8);
    if (at >= 88 && at < 96) continue;
    recompute_checksum(bytes);
    const auto frame = decode_frame(bytes);
    if (!frame) continue;
    ++accepted;
    FrameEncoder encoder;
    encoder.begin(frame->header());
    auto entries = frame->entries();
    while (const auto entry = entries.next()) encoder.add(*entry);
    const auto again = encoder.finish();
    ASSERT_EQ(Bytes(again.begin(), again.end()), bytes) << "byte " << at;
  }
  EXPECT_GT(accepted, 1'000);
}

TEST(Frame, FromANewerVersionIsNamed) {
  auto bytes = mixed_frame();
  bytes[4] = std::byte{2};
  EXPECT_THAT(decode_frame(bytes).error().what, HasSubstr("version 2, this program reads version 1"));
  EXPECT_FALSE(frame_length(bytes));
}

TEST(Frame, LengthNeedsAWholeHeader) {
  const auto bytes = mixed_frame();
  EXPECT_TRUE(frame_length(ByteView(bytes).first(kFrameHeaderBytes)));
  EXPECT_FALSE(frame_length(ByteView(bytes).first(kFrameHeaderBytes - 1)));
  EXPECT_FALSE(frame_length(Bytes(kFrameHeaderBytes)));
}

TEST(FrameDeathTest, TheEncoderStopsAtAnEntryThatCanNotBe) {
  const auto add = [](const OwnedEntry& entry) { encode(sample_header(), {entry}); };
  EXPECT_DEATH(add(plain("Views", "a")), "is_space_name");
  EXPECT_DEATH(add(plain("views", "")), "counter");
  EXPECT_DEATH(add(plain("views", std::string(kCounterBytesMax + 1, 'x'))), "counter");
  EXPECT_DEATH(add(plain("views", "a", 1, 0)), "events");
  auto source = plain("views", "a");
  source.entry.group = GroupKind::kSource;
  EXPECT_DEATH(add(source), "sequence");
}

}  // namespace
}  // namespace quipu
