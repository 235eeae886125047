#include "aggregate/id_window.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::uint32_t kFilled = 0x80000000u;
constexpr std::uint32_t kPlaceMask = 0x7fffffffu;
constexpr std::uint32_t kSnapshotMagic = 0x31574951;  // "QIW1"
constexpr std::size_t kSnapshotHeaderBytes = 12;
constexpr std::size_t kSnapshotEntryBytes = 28;

std::array<std::uint32_t, 4> words(const Hash128& id) { return std::bit_cast<std::array<std::uint32_t, 4>>(id); }
Hash128 unwords(const std::array<std::uint32_t, 4>& id) { return std::bit_cast<Hash128>(id); }

// The low half chose the partition, so its low bits are alike here.
std::size_t slot_hash(const Hash128& id) { return static_cast<std::size_t>(id.high); }

}  // namespace

IdWindow::IdWindow(std::size_t ids_max) : ids_max_(ids_max), index_(64) {
  QUIPU_CHECK(ids_max >= 1 && ids_max <= (std::size_t{1} << 29));
}

const IdWindow::Appearance& IdWindow::at(std::uint32_t place) const {
  // The ring is shorter than 2^31, so the place tells which lap of the counter it is.
  const auto distance = (place - static_cast<std::uint32_t>(begin_)) & kPlaceMask;
  const auto position = begin_ + distance;
  return chunks_[position / kChunk - begin_ / kChunk]->appearances[position % kChunk];
}

std::size_t IdWindow::find_slot(const Hash128& id) const {
  const auto wanted = words(id);
  const auto mask = index_.size() - 1;
  for (auto slot = slot_hash(id) & mask;; slot = (slot + 1) & mask) {
    if (index_[slot] == 0 || at(index_[slot] & kPlaceMask).id == wanted) return slot;
  }
}

IdWindow::Verdict IdWindow::find(const IdHash& id) const {
  const auto place = index_[find_slot(id.id)];
  if (place == 0) return Verdict::kNew;
  if (QUIPU_PLANTED("id-body-not-compared")) return Verdict::kRepeat;
  return at(place & kPlaceMask).body == id.body ? Verdict::kRepeat : Verdict::kOtherBody;
}

void IdWindow::append(const IdHash& id, TimeMs time) {
  if (end_ % kChunk == 0) {
    chunks_.push_back(std::make_shared<Chunk>());
    chunks_.back()->first_time = time;
  }
  // A snapshot may share this chunk: it never looks past its own end, so appending does not disturb it.
  chunks_.back()->appearances[end_ % kChunk] = {id.body, words(id.id)};
  ++end_;
}

IdWindow::Verdict IdWindow::appear(const IdHash& id, TimeMs time) {
  const auto slot = find_slot(id.id);
  if (index_[slot] != 0) {
    const auto body = at(index_[slot] & kPlaceMask).body;
    if (QUIPU_PLANTED("window-not-renewed")) return body == id.body ? Verdict::kRepeat : Verdict::kOtherBody;
    index_[slot] = kFilled | (static_cast<std::uint32_t>(end_) & kPlaceMask);
    append({id.id, body}, time);
    if (end_ - begin_ > 2 * ids_max_ + kChunk) compact();
    return body == id.body ? Verdict::kRepeat : Verdict::kOtherBody;
  }
  index_[slot] = kFilled | (static_cast<std::uint32_t>(end_) & kPlaceMask);
  append(id, time);
  ++size_;
  if (size_ * 4 > index_.size() * 3) grow();
  while (size_ > ids_max_) forget_oldest();
  if (end_ - begin_ > 2 * ids_max_ + kChunk) compact();
  return Verdict::kNew;
}

void IdWindow::forget_oldest() {
  const auto place = static_cast<std::uint32_t>(begin_) & kPlaceMask;
  const auto slot = find_slot(unwords(at(place).id));
  QUIPU_CHECK(index_[slot] != 0);
  QUIPU_MARK("oldest id forgotten");
  if ((index_[slot] & kPlaceMask) == place) {  // Else it came again later, and this place is stale.
    erase_slot(slot);
    --size_;
  }
  ++begin_;
  if (begin_ % kChunk == 0) chunks_.pop_front();
}

void IdWindow::erase_slot(std::size_t hole) {
  const auto mask = index_.size() - 1;
  for (auto next = (hole + 1) & mask; index_[next] != 0; next = (next + 1) & mask) {
    const auto home = slot_hash(unwords(at(index_[next] & kPlaceMask).id)) & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      index_[hole] = index_[next];
      hole = next;
    }
  }
  index_[hole] = 0;
}

void IdWindow::grow() {
  std::vector<std::uint32_t> larger(index_.size() * 2);
  const auto mask = larger.size() - 1;
  for (const auto place : index_) {
    if (place == 0) continue;
    auto slot = slot_hash(unwords(at(place & kPlaceMask).id)) & mask;
    while (larger[slot] != 0) slot = (slot + 1) & mask;
    larger[slot] = place;
  }
  index_ = std::move(larger);
}

void IdWindow::compact() {
  QUIPU_MARK("window of ids compacted");
  IdWindow fresh(ids_max_);
  for (auto position = begin_; position < end_; ++position) {
    const auto place = static_cast<std::uint32_t>(position) & kPlaceMask;
    const Appearance& appearance = at(place);
    const auto id = unwords(appearance.id);
    if ((index_[find_slot(id)] & kPlaceMask) != place) continue;
    fresh.appear({id, appearance.body}, chunks_[position / kChunk - begin_ / kChunk]->first_time);
  }
  *this = std::move(fresh);
}

TimeMs IdWindow::oldest_time() const { return size_ == 0 ? 0 : chunks_.front()->first_time; }

IdWindow::Snapshot IdWindow::snapshot() const {
  Snapshot snapshot;
  snapshot.chunks_ = chunks_;
  snapshot.begin_ = snapshot.next_ = begin_;
  snapshot.end_ = end_;
  return snapshot;
}

std::size_t IdWindow::Snapshot::size() const { return kSnapshotHeaderBytes + (end_ - begin_) * kSnapshotEntryBytes; }

bool IdWindow::Snapshot::take(Bytes& out, std::size_t bytes_max) {
  if (!header_taken_) {
    put(out, kSnapshotMagic);
    put(out, end_ - begin_);
    header_taken_ = true;
  }
  for (auto left = bytes_max / kSnapshotEntryBytes + 1; left > 0 && next_ < end_; --left, ++next_) {
    const Chunk& chunk = *chunks_[next_ / kChunk - begin_ / kChunk];
    const Appearance& appearance = chunk.appearances[next_ % kChunk];
    put(out, ByteView(reinterpret_cast<const std::byte*>(appearance.id.data()), sizeof(appearance.id)));
    put(out, appearance.body);
    put(out, chunk.first_time);
  }
  return next_ < end_;
}

Result<void> IdWindow::restore(ByteView bytes) {
  QUIPU_CHECK(size_ == 0);
  ByteCursor cursor(bytes);
  const auto magic = cursor.take<std::uint32_t>();
  const auto count = cursor.take<std::uint64_t>();
  if (!magic || !count || *magic != kSnapshotMagic || *count != cursor.remaining() / kSnapshotEntryBytes ||
      cursor.remaining() % kSnapshotEntryBytes != 0) {
    return failure(Code::kDamaged, "id window of " + std::to_string(bytes.size()) + " bytes is not a snapshot");
  }
  for (std::uint64_t i = 0; i < *count; ++i) {
    std::array<std::uint32_t, 4> id;
    const auto raw = cursor.take(sizeof(id));
    std::memcpy(id.data(), raw->data(), sizeof(id));
    const auto body = cursor.take<std::uint32_t>();
    const auto time = cursor.take<TimeMs>();
    appear({unwords(id), *body}, *time);
  }
  return {};
}

}  // namespace quipu
