#include "sim/file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace quipu::sim {

void SimFileSystem::end_process() {
  opened_.clear();
  end_in_calls = 0;
  fail_in_reads = 0;
}

void SimFileSystem::clear() {
  names_.clear();
  unsynced_names_.clear();
}

void SimFileSystem::cut_power() {
  end_process();
  if (!unsynced_names_.empty()) {
    // The journal has some of the changes, in their order.
    const auto kept = random_.below(unsynced_names_.size() + 1);
    if (kept < unsynced_names_.size()) {
      names_ = unsynced_names_[kept];
      trace_.fault(Fault::kLostName);
    }
    unsynced_names_.clear();
  }
  for (auto& [path, file] : names_) lose_pages(*file);
}

void SimFileSystem::lose_pages(File& file) {
  // The size first: a file may be shorter than what was written to it.
  if (file.disk.size() < file.cached.size()) {
    file.cached.resize(random_.between(file.disk.size(), file.cached.size()));
    file.pieces.resize((file.cached.size() + kPieceBytes - 1) / kPieceBytes);
    file.disk.resize(file.cached.size());
  }
  std::size_t lost = 0;
  for (std::size_t i = 0; i < file.pieces.size(); ++i) {
    if (file.pieces[i] == Piece::kSynced) continue;
    const auto at = i * kPieceBytes;
    const auto size = std::min(kPieceBytes, file.cached.size() - at);
    const bool stays = file.pieces[i] == Piece::kDirty && random_.one_in(2);
    auto* const from = stays ? file.cached.data() : file.disk.data();
    auto* const to = stays ? file.disk.data() : file.cached.data();
    lost += !stays && std::memcmp(to + at, from + at, size) != 0 ? 1 : 0;
    std::memcpy(to + at, from + at, size);
    file.pieces[i] = Piece::kSynced;
  }
  if (lost > 0) trace_.fault(Fault::kLostWrite, std::to_string(lost) + " pieces");
}

std::unique_ptr<SimFileSystem> SimFileSystem::copy(Random& random, Trace& trace) const {
  auto made = std::make_unique<SimFileSystem>(random, trace, rates_);
  for (const auto& [path, file] : names_) made->names_[path] = std::make_shared<File>(*file);
  return made;
}

bool SimFileSystem::counted_down(std::uint64_t& left) {
  if (left == 0) return false;
  --left;
  return left == 0;
}

bool SimFileSystem::ends_now() { return counted_down(end_in_calls); }

bool SimFileSystem::fails(Rate rate, Fault fault, const std::string& what) {
  if (!faulty || !random_.one_in(rate)) return false;
  trace_.fault(fault, what);
  return true;
}

int SimFileSystem::open(const std::string& path, FileUse use, bool direct) {
  if (ends_now()) throw ProcessEnded{};
  Opened opened{path, nullptr, direct};
  if (use != FileUse::kDirectory) {
    if (use == FileUse::kMake) {
      if (fails(rates_.upkeep_fails, Fault::kUpkeepFails, "making " + path)) return -EIO;
      unsynced_names_.push_back(names_);
      names_[path] = std::make_shared<File>();
      names_[path]->number = ++files_made_;
    }
    const auto found = names_.find(path);
    if (found == names_.end()) return -ENOENT;
    opened.file = found->second;
  }
  opened_.emplace(next_fd_, std::move(opened));
  return next_fd_++;
}

void SimFileSystem::close(int fd) { opened_.erase(fd); }

std::int64_t SimFileSystem::read(int fd, std::uint64_t at, std::span<std::byte> out) {
  if (ends_now()) throw ProcessEnded{};
  const auto& opened = opened_.at(fd);
  const File& file = *opened.file;
  if (fails(rates_.read_fails, Fault::kReadFails, opened.path)) return -EIO;
  if (counted_down(fail_in_reads)) {
    trace_.fault(Fault::kReadFails, opened.path);
    return -EIO;
  }
  if (at >= file.cached.size()) return 0;
  const auto size = std::min<std::uint64_t>(out.size(), file.cached.size() - at);
  std::memcpy(out.data(), file.cached.data() + at, size);
  if (faulty && random_.one_in(rates_.bit_rot)) {
    const auto bit = random_.below(size * 8);
    const bool newest = std::ranges::any_of(newest_, [&](const Range& range) {
      return range.file == file.number && at + bit / 8 >= range.at && at + bit / 8 < range.end;
    });
    if (!newest) {
      out[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      trace_.fault(Fault::kBitRot, opened.path + ", byte " + std::to_string(at + bit / 8));
    }
  }
  return static_cast<std::int64_t>(size);
}

std::int64_t SimFileSystem::write(int fd, std::uint64_t at, ByteView bytes) {
  const auto& opened = opened_.at(fd);
  File& file = *opened.file;
  if (opened.direct && fails(rates_.no_direct_write, Fault::kNoDirectWrite, opened.path)) return -EINVAL;
  const auto part = [&] { return bytes.first(random_.below(bytes.size() / kPieceBytes + 1) * kPieceBytes); };
  if (ends_now()) {
    const auto begun = part();
    put(file, at, begun);
    if (!begun.empty() && begun.size() < bytes.size()) trace_.fault(Fault::kTornWrite, opened.path);
    throw ProcessEnded{};
  }
  if (fails(rates_.write_fails, Fault::kWriteFails, opened.path)) {
    put(file, at, part());
    return -EIO;
  }
  if (faulty && bytes.size() > kPieceBytes && random_.one_in(rates_.short_write)) {
    if (random_.one_in(3)) {
      trace_.fault(Fault::kShortWrite, opened.path + " interrupted");
      return -EINTR;
    }
    const auto begun = bytes.first(random_.between(1, bytes.size() / kPieceBytes - 1) * kPieceBytes);
    trace_.fault(Fault::kShortWrite, opened.path);
    put(file, at, begun);
    return static_cast<std::int64_t>(begun.size());
  }
  put(file, at, bytes);
  return static_cast<std::int64_t>(bytes.size());
}

void SimFileSystem::put(File& file, std::uint64_t at, ByteView bytes) {
  if (bytes.empty()) return;
  QUIPU_CHECK(at % kPieceBytes == 0);
  if (file.cached.size() < at + bytes.size()) resize(file, at + bytes.size());
  std::memcpy(file.cached.data() + at, bytes.data(), bytes.size());
  for (auto piece = at / kPieceBytes; piece * kPieceBytes < at + bytes.size(); ++piece) {
    file.pieces[piece] = Piece::kDirty;
  }
  if (std::any_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{0}; })) {
    if (newest_[0].file != file.number || newest_[0].at != at) newest_[1] = newest_[0];
    newest_[0] = {file.number, at, at + bytes.size()};
  }
}

void SimFileSystem::resize(File& file, std::size_t bytes) {
  file.cached.resize(bytes);
  file.pieces.resize((bytes + kPieceBytes - 1) / kPieceBytes, Piece::kDirty);
}

int SimFileSystem::sync(int fd) {
  const auto& opened = opened_.at(fd);
  if (ends_now()) {
    // Some of it got there.
    if (opened.file && opened.file->disk.size() == opened.file->cached.size()) {
      for (std::size_t i = 0; i < opened.file->pieces.size(); ++i) {
        if (opened.file->pieces[i] == Piece::kDirty && random_.one_in(2)) write_piece(*opened.file, i);
      }
    }
    throw ProcessEnded{};
  }
  if (!opened.file) {
    if (fails(rates_.upkeep_fails, Fault::kUpkeepFails, "syncing " + opened.path)) return -EIO;
    unsynced_names_.clear();
    return 0;
  }
  File& file = *opened.file;
  if (fails(rates_.sync_fails, Fault::kSyncFails, opened.path)) {
    // Some of it got there. Of the rest nobody will be told again.
    file.disk.resize(file.cached.size());
    for (std::size_t i = 0; i < file.pieces.size(); ++i) {
      if (file.pieces[i] == Piece::kDirty && random_.one_in(4)) write_piece(file, i);
      if (file.pieces[i] == Piece::kDirty) file.pieces[i] = Piece::kLost;
    }
    return -EIO;
  }
  sync_file(file);
  return 0;
}

void SimFileSystem::sync_file(File& file) {
  file.disk.resize(file.cached.size());
  for (std::size_t i = 0; i < file.pieces.size(); ++i) {
    if (file.pieces[i] == Piece::kDirty) write_piece(file, i);
  }
}

/// To the disk.
void SimFileSystem::write_piece(File& file, std::size_t piece) {
  const auto at = piece * kPieceBytes;
  std::memcpy(file.disk.data() + at, file.cached.data() + at, std::min(kPieceBytes, file.cached.size() - at));
  file.pieces[piece] = Piece::kSynced;
}

int SimFileSystem::reserve(int fd, std::uint64_t bytes) {
  if (ends_now()) throw ProcessEnded{};
  auto& opened = opened_.at(fd);
  std::uint64_t free = 0;
  free_bytes({}, free);
  if (free < bytes) return -ENOSPC;
  if (opened.file->cached.size() < bytes) resize(*opened.file, bytes);
  return 0;
}

int SimFileSystem::rename(const std::string& from, const std::string& to) {
  if (ends_now()) throw ProcessEnded{};
  if (fails(rates_.upkeep_fails, Fault::kUpkeepFails, "renaming " + from)) return -EIO;
  const auto found = names_.find(from);
  if (found == names_.end()) return -ENOENT;
  unsynced_names_.push_back(names_);
  names_[to] = found->second;
  names_.erase(from);
  return 0;
}

int SimFileSystem::remove(const std::string& path) {
  if (ends_now()) throw ProcessEnded{};
  if (!names_.contains(path)) return -ENOENT;
  if (fails(rates_.upkeep_fails, Fault::kUpkeepFails, "removing " + path)) return -EIO;
  unsynced_names_.push_back(names_);
  names_.erase(path);
  return 0;
}

int SimFileSystem::make_directory(const std::string&) { return -EEXIST; }

int SimFileSystem::list(const std::string&, std::vector<Entry>& out) {
  if (ends_now()) throw ProcessEnded{};
  for (const auto& [path, file] : names_) out.push_back({path.substr(path.rfind('/') + 1), file->cached.size()});
  return 0;
}

int SimFileSystem::free_bytes(const std::string&, std::uint64_t& out) {
  std::uint64_t used = 0;
  for (const auto& [path, file] : names_) used += file->cached.size();
  out = capacity_bytes - std::min(capacity_bytes, used);
  if (out < kSegmentBytesMin) trace_.fault(Fault::kDiskFull);
  return 0;
}

}  // namespace quipu::sim
