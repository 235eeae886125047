#include "log/segment_tail.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/check.h"
#include "base/planted.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

namespace quipu {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

bool all_zero(ByteView bytes) {
  // Comparing with itself, one byte apart, is as fast as memcmp.
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

Result<void> SegmentTail::check() {
  while (true) {
    const auto through = check_some();
    if (!through) return std::unexpected(through.error());
    if (*through) return {};
  }
}

Result<bool> SegmentTail::check_some() {
  if (!checked_) {
    const auto through = look_on();
    if (!through) {
      checked_ = std::unexpected(through.error());
    } else if (*through) {
      checked_.emplace();
    } else {
      return false;
    }
  }
  if (!*checked_) return std::unexpected(checked_->error());
  return true;
}

/// One window of one part.
Result<bool> SegmentTail::look_on() {
  if (part_ == parts_.size()) return true;
  const auto& [file, from] = parts_[part_];
  const auto whole = file.bytes / kBlockBytes * kBlockBytes;
  at_ = std::max(at_, from);
  const auto end = std::min<std::uint64_t>(whole, at_ + kWindowBytes);
  if (at_ < end) {
    SegmentReader reader(disk_, file.number, whole, kWindowBytes, std::move(window_));
    const auto window = reader.view(at_, end - at_);
    if (!window) return std::unexpected(window.error());
    for (auto rest = all_zero(*window) ? ByteView() : *window; !rest.empty(); rest = rest.subspan(kBlockBytes)) {
      at_ = end - rest.size();
      if (auto sound = look_at(file, rest.first(kBlockBytes)); !sound) return std::unexpected(sound.error());
    }
    at_ = end;
    window_ = reader.take_memory();
  }
  if (at_ >= whole) {
    ++part_;
    at_ = 0;
  }
  if (part_ < parts_.size()) return false;
  window_ = {};
  return true;
}

Result<void> SegmentTail::look_at(const SegmentFile& file, ByteView block) {
  if (all_zero(block)) return {};
  if (stale_.empty() || stale_.back().segment != file.number) stale_.push_back({file.number, at_, at_});
  stale_.back().end = at_ + kBlockBytes;
  const auto group = decode_group_header(block, segment_seed(end_.identity, file.number));
  if (!group) {
    if (group.error().code != Code::kRefused) return {};
    return failure(Code::kRefused, disk_.name(file.number) + ": " + group.error().what);
  }
  if (group->segment != file.number || group->at != at_) return {};
  if (group->first <= end_.offset && group->durable < end_.offset) return {};
  const auto what = end_.reason.empty() ? disk_.name(end_.segment) + ", byte 0: no segment's header" : end_.reason;
  return failure(Code::kDamaged, what + ", but " + disk_.name(file.number) + ", byte " + std::to_string(at_) +
                                     " holds a group that begins with offset " + std::to_string(group->first.value) +
                                     " and says that offset " + std::to_string(group->durable.value) +
                                     " was durable: the log is damaged before its end");
}

Result<void> SegmentTail::make_zero() {
  QUIPU_CHECK(checked_ && *checked_);
  for (const Stale& stale : stale_) {
    QUIPU_MARK("torn tail cut");
    if (auto done = write_zeros(disk_, stale.segment, stale.begin, stale.end); !done) return done;
  }
  return {};
}

std::optional<LogCut> SegmentTail::cut() const {
  if (stale_.empty() || !checked_) return std::nullopt;
  LogCut cut{stale_.front().segment, stale_.front().begin, 0};
  for (const Stale& stale : stale_) cut.bytes += stale.end - stale.begin;
  return cut;
}

Result<void> write_zeros(LogDisk& disk, SegmentNumber segment, std::uint64_t begin, std::uint64_t end) {
  const Bytes zeros(std::min<std::uint64_t>(kWindowBytes, end - begin));
  for (auto at = begin; at < end; at += zeros.size()) {
    const auto size = std::min<std::uint64_t>(zeros.size(), end - at);
    if (auto done = disk.write(segment, at, ByteView(zeros).first(size)); !done) return done;
  }
  return {};
}

}  // namespace quipu
