#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "log/log_disk.h"

namespace quipu {

/// A disk in memory whose every step and fault is in the caller's hands: for tests and for the simulator. Pure.
///
/// What is begun waits until `finish_…` is called, or is done at the next `take_completions` where `automatic`.
/// A crash is one of two: `kill` (the process ends; what it wrote stays in the page cache, read back but not durable)
/// and `cut_power` (of what is not durable, any 512-byte pieces stay).
class MemoryLogDisk final : public LogDisk {
 public:
  /// Complete everything that was begun at the next take_completions.
  bool automatic = true;
  /// How many bytes of segments fit.
  std::uint64_t capacity_bytes = UINT64_MAX;
  /// The next write or its sync fails, and every later one: any part of the bytes may have been written.
  bool fail_write = false;
  /// Is shown what each read brings, and may change it; with false as its answer the read fails.
  std::function<bool(std::span<std::byte>)> spoil_read;
  /// Removing fails while this is set.
  bool fail_remove = false;

  bool writing() const { return write_.has_value(); }
  bool creating() const { return !creates_.empty(); }
  bool removing() const { return !removes_.empty(); }
  void finish_write();
  void finish_create();
  void finish_remove();

  void kill(std::mt19937_64& random);
  void cut_power(std::mt19937_64& random);

  /// The bytes of a segment as they would be read: to flip bits in, cut short or copy. Marks all of it durable.
  Bytes& bytes(SegmentNumber segment);
  const std::map<SegmentNumber, Bytes>& segments() const { return files_; }
  void put_segment(SegmentNumber segment, Bytes bytes) { files_[segment] = std::move(bytes); }
  void drop_segment(SegmentNumber segment) { files_.erase(segment); }

  /// How many times `read` was called.
  std::uint64_t reads() const { return reads_; }

  Result<std::vector<SegmentFile>> list() override;
  Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) override;
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) override;
  Result<void> remove(SegmentNumber segment) override;
  void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  void begin_create(SegmentNumber segment, std::uint64_t bytes) override;
  void begin_remove(SegmentNumber segment) override;
  void take_completions(std::vector<DiskCompletion>& out) override;
  void wait_for_write() override;
  std::string name(SegmentNumber segment) const override;

 private:
  static constexpr std::size_t kPieceBytes = 512;

  struct Write {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    ByteView bytes;
  };
  struct Piece {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    friend auto operator<=>(const Piece&, const Piece&) = default;
  };

  void write_some(const Write& write, std::mt19937_64& random);
  void write_piece(const Write& write, std::size_t at);
  void make_durable(SegmentNumber segment, std::uint64_t at, std::size_t size);

  std::map<SegmentNumber, Bytes> files_;  ///< As read.
  std::map<Piece, Bytes> before_;         ///< What is durable of the pieces that are only in the page cache.
  std::optional<Write> write_;
  std::deque<SegmentFile> creates_;
  std::deque<SegmentNumber> removes_;
  std::vector<DiskCompletion> done_;
  std::optional<Error> write_error_;
  std::uint64_t reads_ = 0;
};

}  // namespace quipu
