#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "event/entry.h"

namespace quipu {

/// The last N distinct ids of a partition, in the order of their last appearance in its log. A repeat renews its id, so
/// what is in the window depends on the last stretch of the log alone and on no clock.
///
///   appearances:  | chunk | chunk | chunk ... |   append only; an id that came again is stale at its older place
///   index:        id -> its newest place
///
/// Memory: about 20 bytes an appearance and 8 an id; at most 2 N appearances are kept. Pure.
class IdWindow {
 public:
  enum class Verdict : std::uint8_t {
    kNew,        ///< Not in the window.
    kRepeat,     ///< In the window, with the same body.
    kOtherBody,  ///< In the window, with another body.
  };

  /// `ids_max`: N, 1 to 2^29.
  explicit IdWindow(std::size_t ids_max);

  Verdict find(const IdHash& id) const;

  /// The id appears, at `time`: it becomes the newest, and the oldest beyond N is forgotten. Answers what `find`
  /// would have said before. A known id keeps the body it first came with.
  Verdict appear(const IdHash& id, TimeMs time);

  std::size_t size() const { return size_; }
  std::size_t ids_max() const { return ids_max_; }
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk) + index_.size() * sizeof(std::uint32_t); }
  /// When the oldest remembered id appeared; 0 when there is none. Exact to one chunk of 1,024.
  TimeMs oldest_time() const;

  /// Every appearance that is remembered now, oldest first, as bytes that `restore` reads, without holding up the
  /// owner: the chunks are shared, and `take` copies some at a time.
  class Snapshot;
  Snapshot snapshot() const;

  /// Replays a snapshot into an empty window. kDamaged when the bytes are not one.
  Result<void> restore(ByteView bytes);

 private:
  friend class Snapshot;
  struct Appearance {
    std::uint32_t body;
    std::array<std::uint32_t, 4> id;  // 20 bytes, no padding.
  };
  static constexpr std::size_t kChunk = 1024;
  struct Chunk {
    TimeMs first_time = 0;
    std::array<Appearance, kChunk> appearances;
  };

  const Appearance& at(std::uint32_t place) const;
  std::size_t find_slot(const Hash128& id) const;
  void erase_slot(std::size_t slot);
  void append(const IdHash& id, TimeMs time);
  void forget_oldest();
  void grow();
  void compact();

  std::size_t ids_max_;
  std::size_t size_ = 0;  // Distinct ids.
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::uint64_t begin_ = 0;           // The oldest appearance; chunks_[0] holds begin_ / kChunk.
  std::uint64_t end_ = 0;             // One past the newest.
  std::vector<std::uint32_t> index_;  // Place modulo 2^31, with the top bit set; 0 = empty. Linear probing.
};

/// A window as of one moment.
class IdWindow::Snapshot {
 public:
  /// Appends the next appearances, about `bytes_max` bytes of them; false when there are no more.
  bool take(Bytes& out, std::size_t bytes_max);
  /// How many bytes there are in all.
  std::size_t size() const;

 private:
  friend class IdWindow;
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t next_ = 0;
  bool header_taken_ = false;
};

}  // namespace quipu
