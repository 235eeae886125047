#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/frame.h"
#include "log/event_log.h"

/// Frames and short ways through an EventLog, for tests.
namespace quipu::testing_log {

inline LogIdentity sample_identity(std::uint8_t seed = 1) {
  LogIdentity identity;
  identity.random.fill(static_cast<std::byte>(seed));
  identity.generation = Generation(1);
  return identity;
}

/// A frame that says `number`, with about `extra` bytes more.
inline Bytes sample_frame(std::uint16_t partition, std::uint64_t number, std::size_t extra = 0) {
  FrameHeader header;
  header.identity = sample_identity();
  header.partition = PartitionId(partition);
  header.number = number;
  FrameEncoder encoder;
  encoder.begin(header);
  Entry entry;
  entry.space = "views";
  const std::string counter(1'000, 'x');
  do {
    const auto size = std::min<std::size_t>(counter.size(), extra + 1);
    entry.counter = std::string_view(counter).substr(0, size);
    encoder.add(entry);
    extra -= std::min(extra, size);
  } while (extra > 0);
  const auto frame = encoder.finish();
  return {frame.begin(), frame.end()};
}

/// What the frame says.
inline std::uint64_t number_of(ByteView frame) {
  const auto decoded = decode_frame(frame);
  EXPECT_TRUE(decoded) << decoded.error().what;
  return decoded ? decoded->header().number : 0;
}

/// A frame as read back: its place and what it says.
struct Said {
  PartitionId partition{};
  Offset offset{};
  std::uint64_t number = 0;
  friend bool operator==(const Said&, const Said&) = default;
};

inline void PrintTo(const Said& said, std::ostream* out) {
  *out << "(partition " << said.partition.value << ", offset " << said.offset.value << ": " << said.number << ")";
}

/// Everything from `from` on, in steps of `bytes_max`; the first error else.
inline Result<std::vector<Said>> read_all(EventLog& log, std::optional<PartitionId> partition, Offset from,
                                          std::size_t bytes_max = 64 << 10) {
  std::vector<Said> all;
  while (true) {
    auto read = log.read(partition, from, bytes_max);
    if (!read) return std::unexpected(read.error());
    for (const auto& item : read->frames) all.push_back({item.partition, item.offset, number_of(read->frame(item))});
    if (read->frames.empty()) return all;
    from = read->next;
  }
}

}  // namespace quipu::testing_log
