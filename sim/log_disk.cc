#include "sim/log_disk.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace quipu::sim {

void SimLogDisk::finish_write() {
  if (!write_) return;
  const auto write = *std::exchange(write_, std::nullopt);
  done_.push_back({DiskCompletion::Kind::kWrite, write.segment, writer_.write(write.segment, write.at, write.bytes)});
}

void SimLogDisk::finish_file() {
  if (file_work_.empty()) return;
  const auto work = file_work_.front();
  file_work_.pop_front();
  done_.push_back({work.kind, work.segment,
                   work.kind == DiskCompletion::Kind::kCreate ? files_.create(work.segment, work.bytes)
                                                              : files_.remove(work.segment)});
}

Result<void> SimLogDisk::read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) {
  bool direct = false;
  const auto file = files_.open_for_reading(segment, direct);
  if (!file) return std::unexpected(file.error());
  auto done = read_fully(*file, at, out);
  if (!done) done.error().what = files_.name(segment) + ": " + done.error().what;
  return done;
}

Result<void> SimLogDisk::write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  return files_.write(segment, at, bytes);
}

void SimLogDisk::begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  QUIPU_CHECK(!write_);
  write_ = Write{segment, at, bytes};
}

void SimLogDisk::begin_create(SegmentNumber segment, std::uint64_t bytes) {
  file_work_.push_back({DiskCompletion::Kind::kCreate, segment, bytes});
}

void SimLogDisk::begin_remove(SegmentNumber segment) {
  file_work_.push_back({DiskCompletion::Kind::kRemove, segment, 0});
}

void SimLogDisk::take_completions(std::vector<DiskCompletion>& out) {
  out.insert(out.end(), std::make_move_iterator(done_.begin()), std::make_move_iterator(done_.end()));
  done_.clear();
}

void SimLogDisk::wait_for_write() {
  if (!ended_) finish_write();
  write_.reset();
  file_work_.clear();
  done_.clear();
}

}  // namespace quipu::sim
