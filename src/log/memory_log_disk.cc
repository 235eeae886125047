#include "log/memory_log_disk.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "log/segment_format.h"

namespace quipu {

void MemoryLogDisk::finish_write() {
  if (!write_) return;
  const auto write = *std::exchange(write_, std::nullopt);
  if (fail_write && !write_error_) {
    // Half of it, in the page cache alone: a sync that failed says nothing about either.
    for (std::size_t at = 0; at < write.bytes.size() / 2; at += kPieceBytes) write_piece(write, at);
    write_error_ = Error{Code::kUnknown, name(write.segment) + ": syncing: Input/output error", 0};
  }
  if (write_error_) {
    done_.push_back({DiskCompletion::Kind::kWrite, write.segment, std::unexpected(*write_error_)});
    return;
  }
  std::memcpy(files_.at(write.segment).data() + write.at, write.bytes.data(), write.bytes.size());
  make_durable(write.segment, write.at, write.bytes.size());
  done_.push_back({DiskCompletion::Kind::kWrite, write.segment, {}});
}

void MemoryLogDisk::finish_create() {
  if (creates_.empty()) return;
  const auto file = creates_.front();
  creates_.pop_front();
  done_.push_back({DiskCompletion::Kind::kCreate, file.number, create(file.number, file.bytes)});
}

void MemoryLogDisk::finish_remove() {
  if (removes_.empty()) return;
  const auto segment = removes_.front();
  removes_.pop_front();
  done_.push_back({DiskCompletion::Kind::kRemove, segment, remove(segment)});
}

void MemoryLogDisk::kill(std::mt19937_64& random) {
  if (write_) write_some(*write_, random);
  write_.reset();
  while (!creates_.empty() && random() % 2 == 0) finish_create();
  while (!removes_.empty() && random() % 2 == 0) finish_remove();
  creates_.clear();
  removes_.clear();
  done_.clear();
  write_error_.reset();
}

void MemoryLogDisk::cut_power(std::mt19937_64& random) {
  kill(random);
  for (const auto& [piece, durable] : before_) {
    if (random() % 2 == 0) continue;
    const auto file = files_.find(piece.segment);
    if (file != files_.end()) std::memcpy(file->second.data() + piece.at, durable.data(), durable.size());
  }
  before_.clear();
}

Bytes& MemoryLogDisk::bytes(SegmentNumber segment) {
  before_.clear();
  return files_.at(segment);
}

Result<std::vector<SegmentFile>> MemoryLogDisk::list() {
  std::vector<SegmentFile> files;
  for (const auto& [number, bytes] : files_) files.push_back({number, bytes.size()});
  return files;
}

Result<void> MemoryLogDisk::read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) {
  ++reads_;
  const auto file = files_.find(segment);
  if (file == files_.end() || at > file->second.size() || file->second.size() - at < out.size()) {
    return failure(Code::kDamaged, name(segment) + ": the file ends before byte " + std::to_string(at + out.size()));
  }
  std::memcpy(out.data(), file->second.data() + at, out.size());
  if (spoil_read && !spoil_read(out)) return failure(Code::kDamaged, name(segment) + ": reading: Input/output error");
  return {};
}

Result<void> MemoryLogDisk::write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  if (write_error_) return std::unexpected(*write_error_);
  auto& file = files_.at(segment);
  QUIPU_CHECK(at <= file.size() && bytes.size() <= file.size() - at);
  std::memcpy(file.data() + at, bytes.data(), bytes.size());
  make_durable(segment, at, bytes.size());
  return {};
}

Result<void> MemoryLogDisk::create(SegmentNumber segment, std::uint64_t bytes) {
  std::uint64_t used = 0;
  for (const auto& [number, file] : files_) used += file.size();
  if (used > capacity_bytes || capacity_bytes - used < bytes) return busy("the disk is full", 1'000);
  QUIPU_CHECK(!files_.contains(segment));
  files_[segment].resize(bytes);
  return {};
}

Result<void> MemoryLogDisk::remove(SegmentNumber segment) {
  if (fail_remove) return failure(Code::kDamaged, name(segment) + ": removing: Input/output error");
  files_.erase(segment);
  std::erase_if(before_, [&](const auto& entry) { return entry.first.segment == segment; });
  return {};
}

void MemoryLogDisk::begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  QUIPU_CHECK(!write_);
  const auto file = files_.find(segment);
  QUIPU_CHECK(file != files_.end());
  QUIPU_CHECK(at <= file->second.size() && bytes.size() <= file->second.size() - at);
  QUIPU_CHECK(at % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0);
  QUIPU_CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % kBlockBytes == 0);
  write_ = Write{segment, at, bytes};
}

void MemoryLogDisk::begin_create(SegmentNumber segment, std::uint64_t bytes) { creates_.push_back({segment, bytes}); }
void MemoryLogDisk::begin_remove(SegmentNumber segment) { removes_.push_back(segment); }

void MemoryLogDisk::take_completions(std::vector<DiskCompletion>& out) {
  if (automatic) {
    finish_write();
    while (creating()) finish_create();
    while (removing()) finish_remove();
  }
  out.insert(out.end(), std::make_move_iterator(done_.begin()), std::make_move_iterator(done_.end()));
  done_.clear();
}

void MemoryLogDisk::wait_for_write() {
  finish_write();
  creates_.clear();
  removes_.clear();
  done_.clear();
}

std::string MemoryLogDisk::name(SegmentNumber segment) const { return "segment-" + std::to_string(segment.value); }

/// All of it, a beginning of it, or any pieces: what an ended process or a write that is cut off leaves.
void MemoryLogDisk::write_some(const Write& write, std::mt19937_64& random) {
  const auto pieces = write.bytes.size() / kPieceBytes;
  const auto how = random() % 4;
  const auto begun = how == 1 ? random() % (pieces + 1) : pieces;
  if (how == 0) return;
  for (std::size_t i = 0; i < begun; ++i) {
    if (how == 2 && random() % 2 == 0) continue;
    write_piece(write, i * kPieceBytes);
  }
}

/// Into the page cache alone.
void MemoryLogDisk::write_piece(const Write& write, std::size_t at) {
  auto* to = files_.at(write.segment).data() + write.at + at;
  before_.try_emplace({write.segment, write.at + at}, to, to + kPieceBytes);
  std::memcpy(to, write.bytes.data() + at, kPieceBytes);
}

void MemoryLogDisk::make_durable(SegmentNumber segment, std::uint64_t at, std::size_t size) {
  before_.erase(before_.lower_bound({segment, at}), before_.lower_bound({segment, at + size}));
}

}  // namespace quipu
