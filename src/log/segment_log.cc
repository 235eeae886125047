#include "log/segment_log.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/planted.h"
#include "event/frame.h"

namespace quipu {

namespace {

/// How much of what the disk took before still counts in the estimate of its rate when a group is done.
constexpr double kRateKept = 0.8;
/// A group that is done within one tick of the clock took about this long: docs/ideas/group-commit.md.
constexpr double kSyncMs = 0.2;
constexpr std::int64_t kRetryMsMax = 60'000;

Result<void> check_options(const SegmentLogOptions& options) {
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes % kBlockBytes != 0) {
    return failure(Code::kRefused, "log.segment_bytes is " + std::to_string(options.segment_bytes) +
                                       ", it must be a multiple of 4096 and at least " +
                                       std::to_string(kSegmentBytesMin));
  }
  if (options.partitions == 0 || options.partitions > kPartitionsMax) {
    return failure(Code::kRefused, "log.partitions must be 1 to " + std::to_string(kPartitionsMax));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(LogDisk& disk, const SegmentLogOptions& options, TimeMs now) {
  if (auto done = check_options(options); !done) return std::unexpected(done.error());
  auto recovered = recover_segments(
      disk, {options.identity, options.segment_bytes, options.known_durable, options.check_tail_later});
  if (!recovered) return std::unexpected(recovered.error());
  std::optional<Error> create_error;
  if (!recovered->spare) {
    // A new log needs its first segment at once. A full disk is no reason not to serve what is there.
    if (auto made = disk.create(recovered->next_number, options.segment_bytes); made) {
      recovered->spare = recovered->next_number;
      recovered->next_number = SegmentNumber(recovered->next_number.value + 1);
    } else if (made.error().code == Code::kBusy) {
      create_error = made.error();
    } else {
      return std::unexpected(made.error());
    }
  }
  std::unique_ptr<SegmentLog> log(new SegmentLog(disk, options, std::move(*recovered), now));
  if (create_error) {
    log->create_error_ = std::move(create_error);
    log->create_retry_at_ = now + 1'000;
  }
  return log;
}

SegmentLog::SegmentLog(LogDisk& disk, const SegmentLogOptions& options, RecoveredLog recovered, TimeMs now)
    : disk_(disk),
      options_(options),
      write_at_(recovered.write_at),
      last_group_at_(recovered.last_group_at),
      spare_(recovered.spare),
      next_number_(recovered.next_number),
      durable_end_(recovered.end),
      submit_next_(recovered.end),
      reserve_next_(recovered.end),
      tail_behind_(std::move(recovered.tail)),
      cut_(recovered.cut),
      tail_(options.tail_bytes),
      now_(now) {
  for (auto& segment : recovered.segments) segments_.push_back(std::move(segment));
}

SegmentLog::~SegmentLog() {
  disk_.wait_for_write();
  if (rolling_) disk_.rolling(false);
}

LogBounds SegmentLog::bounds(PartitionId) const {
  return {segments_.empty() ? durable_end_ : segments_.front().first, durable_end_};
}

std::optional<Offset> SegmentLog::reserve(PartitionId partition) {
  QUIPU_CHECK(partition.value < options_.partitions);
  reserve_next_ = std::max(reserve_next_, submit_next_);
  const auto offset = reserve_next_;
  ++reserve_next_.value;
  return offset;
}

std::size_t SegmentLog::group_bytes_max() const {
  return std::min(options_.pending_bytes, options_.segment_bytes - kBlockBytes - kGroupHeaderBytes);
}

/// How large the filling group may become: what is sure to have a place.
std::uint64_t SegmentLog::group_limit() const {
  const auto rest = segments_.empty() ? 0 : segments_.back().bytes - write_at_;
  // The group under way has its place, but write_at_ moves on only when it is durable.
  const auto left = rest - std::min(rest, writing_active_ ? writing_bytes_ : 0);
  return spare_ ? std::max<std::uint64_t>(left, options_.segment_bytes - kBlockBytes) : left;
}

std::size_t SegmentLog::pending_bytes() const {
  return filling_.frames_bytes() + (writing_active_ ? writing_.frames_bytes() : 0);
}

std::size_t SegmentLog::room_bytes() const {
  if (failure_ || submit_next_.value > kOffsetMax - kPartitionsMax) return 0;
  const auto pending = pending_bytes();
  const auto used = kGroupHeaderBytes + filling_.frames_bytes();
  const auto limit = group_limit();
  if (pending >= options_.pending_bytes || used >= limit) return 0;
  return std::min<std::uint64_t>(options_.pending_bytes - pending, limit - used);
}

std::int64_t SegmentLog::write_wait_ms() const {
  if (lately_bytes_ == 0) return 1;
  const auto ms = std::ceil(static_cast<double>(pending_bytes()) * lately_ms_ / lately_bytes_);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(ms), 1, kRetryMsMax);
}

Error SegmentLog::room_error() const {
  if (failure_) return *failure_;
  if (submit_next_.value > kOffsetMax - kPartitionsMax) {
    return {Code::kRefused, "the log's 2^40 offsets are used up; begin a new generation", 0};
  }
  const auto used = kGroupHeaderBytes + filling_.frames_bytes();
  const auto queue_room = options_.pending_bytes - std::min(options_.pending_bytes, pending_bytes());
  if (!spare_ && group_limit() < used + queue_room) {
    if (create_error_) {
      const auto wait = std::max<std::int64_t>(1, create_retry_at_ - now_);
      return {Code::kBusy, "the log's next segment can not be made: " + create_error_->what, wait};
    }
    const auto wait = std::max<std::int64_t>(1, create_ms_ - (now_ - create_begun_));
    return {Code::kBusy, "the log's next segment is being made", wait};
  }
  return {Code::kBusy,
          "the log's queue is at its bound: " + std::to_string(pending_bytes()) + " bytes wait for the disk",
          write_wait_ms()};
}

Result<void> SegmentLog::submit(PartitionId partition, ByteView frame, std::uint64_t token) {
  if (failure_) return std::unexpected(*failure_);
  if (partition.value >= options_.partitions || frame.size() > kFrameBytesMax || frame_length(frame) != frame.size() ||
      frame_partition(frame) != partition) {
    return failure(Code::kRefused, "not a frame of partition " + std::to_string(partition.value));
  }
  if (frame.size() > group_bytes_max()) {
    return failure(Code::kTooLarge, "a frame of " + std::to_string(frame.size()) +
                                        " bytes; a commit of this log holds " + std::to_string(group_bytes_max()));
  }
  if (submit_next_.value > kOffsetMax || filling_.frames_bytes() + frame.size() > group_bytes_max()) {
    return std::unexpected(room_error());
  }
  if (auto settled = settle_tail(); !settled) return settled;
  filling_.append(frame, token);
  ++submit_next_.value;
  return {};
}

/// No group may ever stand before stale bytes.
Result<void> SegmentLog::settle_tail() {
  if (!tail_behind_) return {};
  auto settled = tail_behind_->check();
  if (settled) settled = tail_behind_->make_zero();
  if (!settled) {
    failure_ = settled.error();
    return settled;
  }
  cut_ = std::exchange(tail_behind_, nullptr)->cut();
  return {};
}

void SegmentLog::commit() {
  if (failure_ || filling_.empty()) return;
  sealed_ = filling_.items().size();
  start_sealed();
}

/// Hands the sealed frames to the disk if it is free and there is a place for them.
void SegmentLog::start_sealed() {
  if (sealed_ == 0 || writing_active_) return;
  const std::size_t later = sealed_ > 1 && QUIPU_PLANTED("commit-cut-in-two") ? sealed_ - 1 : 0;
  sealed_ -= later;
  const auto group_bytes = block_aligned(kGroupHeaderBytes + filling_.frames_bytes(sealed_));
  const auto new_segment = segments_.empty() || segments_.back().bytes - write_at_ < group_bytes;
  if (new_segment && !begin_segment(group_bytes)) return;
  std::swap(writing_, filling_);
  filling_.clear();
  writing_.move_rest(sealed_, filling_);
  auto& segment = segments_.back();
  const auto seed = segment_seed(options_.identity, segment.number);
  GroupHeader header;
  header.segment = segment.number;
  header.at = write_at_;
  header.first = durable_end_;
  header.durable = Offset(durable_end_.value - 1);
  header.time = now_;
  SegmentHeader first_block;
  if (new_segment) {
    first_block = {options_.identity, segment.number, segment.bytes, durable_end_, last_group_at_, now_};
  }
  const auto bytes = writing_.seal(header, seed, new_segment ? &first_block : nullptr);
  sealed_ = later;
  writing_active_ = true;
  writing_first_ = durable_end_;
  writing_bytes_ = group_bytes;
  writing_begun_ = now_;
  disk_.begin_write(segment.number, new_segment ? 0 : write_at_, bytes);
}

/// Makes the spare segment the one that is written on.
bool SegmentLog::begin_segment(std::uint64_t group_bytes) {
  QUIPU_CHECK(group_bytes <= options_.segment_bytes - kBlockBytes);
  if (!rolling_) {
    rolling_ = true;
    disk_.rolling(true);
  }
  if (!spare_) {
    make_spare();
    return false;
  }
  if (segments_.empty()) last_group_at_ = 0;
  LogSegment segment;
  segment.number = *spare_;
  segment.bytes = options_.segment_bytes;
  segment.first = durable_end_;
  segment.newest = now_;
  segment.remember(segment.first, kBlockBytes);
  segments_.push_back(std::move(segment));
  spare_.reset();
  write_at_ = kBlockBytes;
  ++stats_.segments_begun;
  make_spare();
  return true;
}

void SegmentLog::take_completions(std::vector<LogCompletion>& out) {
  // What is begun here may be done at once, and nobody rings for that: look again.
  for (bool more = true; more;) {
    more = take_disk_completions(out);
    if (failure_) return;
    start_sealed();
    make_spare();
    trim();
  }
}

bool SegmentLog::take_disk_completions(std::vector<LogCompletion>& out) {
  disk_done_.clear();
  disk_.take_completions(disk_done_);
  for (const auto& done : disk_done_) {
    switch (done.kind) {
      case DiskCompletion::Kind::kWrite:
        finish_write(done, out);
        break;
      case DiskCompletion::Kind::kCreate:
        finish_create(done);
        break;
      case DiskCompletion::Kind::kRemove:
        finish_remove(done);
        break;
    }
  }
  return !disk_done_.empty();
}

void SegmentLog::finish_write(const DiskCompletion& done, std::vector<LogCompletion>& out) {
  QUIPU_CHECK(writing_active_);
  if (!done.outcome) return poison(done.outcome.error(), out);
  auto& segment = segments_.back();
  segment.remember(writing_first_, write_at_);
  segment.newest = std::max(segment.newest, now_);
  const auto frames = static_cast<std::uint32_t>(writing_.items().size());
  tail_.add(writing_first_, frames, writing_.frames());
  for (const auto& item : writing_.items()) {
    out.push_back({item.token, durable_end_});
    ++durable_end_.value;
  }
  lately_bytes_ = kRateKept * lately_bytes_ + static_cast<double>(writing_bytes_);
  lately_ms_ = kRateKept * lately_ms_ + std::max(kSyncMs, static_cast<double>(now_ - writing_begun_));
  last_group_at_ = write_at_;
  write_at_ += writing_bytes_;
  ++stats_.groups_written;
  stats_.bytes_written += writing_bytes_;
  writing_active_ = false;
  writing_.clear();
  if (rolling_) {
    rolling_ = false;
    disk_.rolling(false);
  }
}

/// The bytes under way may be on the disk, wholly, in part or not at all, and the disk can no longer be asked.
void SegmentLog::poison(const Error& error, std::vector<LogCompletion>& out) {
  QUIPU_MARK("log poisoned");
  failure_ = Error{Code::kUnknown, "the log's disk failed and the log is closed: " + error.what, 0};
  for (auto* group : {&writing_, &filling_}) {
    for (const auto& item : group->items()) out.push_back({item.token, std::unexpected(*failure_)});
    group->clear();
  }
  writing_active_ = false;
  sealed_ = 0;
}

}  // namespace quipu
