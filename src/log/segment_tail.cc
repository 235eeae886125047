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
  const std::lock_guard lock(mutex_);
  if (checked_) return *checked_;
  Result<void> sound;
  for (const Part& part : parts_) {
    sound = scan(part.file, part.from);
    if (!sound) break;
  }
  checked_ = sound;
  return sound;
}

Result<void> SegmentTail::scan(const SegmentFile& file, std::uint64_t from) {
  const auto seed = segment_seed(end_.identity, file.number);
  const auto whole = file.bytes / kBlockBytes * kBlockBytes;
  SegmentReader reader(disk_, file.number, whole, kWindowBytes);
  Stale stale{file.number, 0, 0};
  for (auto at = from; at < whole; at += kBlockBytes) {
    const auto block = reader.view(at, kBlockBytes);
    if (!block) return std::unexpected(block.error());
    if (all_zero(*block)) continue;
    if (stale.end == 0) stale.begin = at;
    stale.end = at + kBlockBytes;
    const auto group = decode_group_header(*block, seed);
    if (!group) {
      if (group.error().code == Code::kRefused) {
        return failure(Code::kRefused, disk_.name(file.number) + ": " + group.error().what);
      }
      continue;
    }
    if (group->segment != file.number || group->at != at) continue;
    if (group->first <= end_.offset && group->durable < end_.offset) continue;
    const auto what = end_.reason.empty() ? disk_.name(end_.segment) + ", byte 0: no segment's header" : end_.reason;
    return failure(Code::kDamaged, what + ", but " + disk_.name(file.number) + ", byte " + std::to_string(at) +
                                       " holds a group that begins with offset " + std::to_string(group->first.value) +
                                       " and says that offset " + std::to_string(group->durable.value) +
                                       " was durable: the log is damaged before its end");
  }
  if (stale.end != 0) stale_.push_back(stale);
  return {};
}

Result<void> SegmentTail::make_zero() {
  const std::lock_guard lock(mutex_);
  QUIPU_CHECK(checked_ && *checked_);
  for (const Stale& stale : stale_) {
    QUIPU_MARK("torn tail cut");
    if (auto done = write_zeros(disk_, stale.segment, stale.begin, stale.end); !done) return done;
  }
  return {};
}

std::optional<LogCut> SegmentTail::cut() const {
  const std::lock_guard lock(mutex_);
  if (stale_.empty()) return std::nullopt;
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
