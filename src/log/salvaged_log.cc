#include "log/salvaged_log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "event/frame.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

namespace quipu {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

/// The look at all files, in the order of their numbers.
class SalvagedLog::Walk {
 public:
  explicit Walk(SalvagedLog& log) : log_(log), disk_(*log.disk_) {}

  Result<void> run();

 private:
  Result<void> walk(const SegmentFile& file);
  Result<bool> belongs(const SegmentFile& file, SegmentReader& reader);
  Result<void> check_frames(const GroupHeader& header, ByteView group) const;
  void take(const SegmentFile& file, const GroupHeader& header);
  void note(SegmentNumber segment, std::uint64_t at, const std::string& reason);
  void note(const Error& named);
  Result<void> note_error(SegmentNumber segment, std::uint64_t at, const Error& error);
  void finish();

  SalvagedLog& log_;
  LogDisk& disk_;
  Offset next_{1};                  // Behind the last group taken.
  Offset known_{};                  // The newest offset that any sound header names.
  std::optional<std::string> bad_;  // What was found first behind the last group taken.
};

Result<void> SalvagedLog::Walk::run() {
  const auto files = disk_.list();
  if (!files) {
    bad_ = files.error().what;
  } else {
    for (const SegmentFile& file : *files) {
      if (auto walked = walk(file); !walked) return walked;
    }
    if (files->empty()) bad_ = "there is no segment";
  }
  finish();
  return {};
}

void SalvagedLog::Walk::note(SegmentNumber segment, std::uint64_t at, const std::string& reason) {
  note(segment_damaged(disk_, segment, at, reason).error());
}

/// With an error that names file and byte already.
void SalvagedLog::Walk::note(const Error& named) {
  if (!bad_) bad_ = named.what;
}

/// A newer version ends the walk; everything else is something that is not readable.
Result<void> SalvagedLog::Walk::note_error(SegmentNumber segment, std::uint64_t at, const Error& error) {
  if (error.code == Code::kRefused) return failure(Code::kRefused, disk_.name(segment) + ": " + error.what);
  note(segment, at, error.what);
  return {};
}

/// Whether the file can hold groups of this log. A broken header says nothing about that.
Result<bool> SalvagedLog::Walk::belongs(const SegmentFile& file, SegmentReader& reader) {
  const auto block = reader.view(0, kBlockBytes);
  if (!block) {
    note(block.error());
    return true;
  }
  if (all_zero(*block)) return true;  // A spare, or a header that is lost.
  const auto header = decode_segment_header(*block);
  if (!header) {
    if (auto noted = note_error(file.number, 0, header.error()); !noted) return std::unexpected(noted.error());
    return true;
  }
  if (header->identity == log_.options_.identity) return true;
  note(file.number, 0,
       "the segment belongs to another log, of generation " + std::to_string(header->identity.generation.value));
  return false;
}

Result<void> SalvagedLog::Walk::walk(const SegmentFile& file) {
  const auto whole = file.bytes / kBlockBytes * kBlockBytes;
  if (whole < kBlockBytes) {
    note(file.number, 0, "the file has only " + std::to_string(file.bytes) + " bytes");
    return {};
  }
  const auto seed = segment_seed(log_.options_.identity, file.number);
  // Where a large read fails, a small one may not.
  SegmentReader reader(disk_, file.number, whole, kWindowBytes);
  SegmentReader blocks(disk_, file.number, whole, kBlockBytes);
  const auto belonging = belongs(file, blocks);
  if (!belonging) return std::unexpected(belonging.error());
  if (!*belonging) return {};
  for (std::uint64_t at = kBlockBytes; at < whole;) {
    auto block = reader.view(at, kBlockBytes);
    if (!block) block = blocks.view(at, kBlockBytes);
    if (!block) {
      note(block.error());
      at += kBlockBytes;
      continue;
    }
    const auto header = decode_group_header(*block, seed);
    if (!header) {
      if (!all_zero(*block)) {
        if (auto noted = note_error(file.number, at, header.error()); !noted) return noted;
      }
      at += kBlockBytes;
      continue;
    }
    const bool here = header->segment == file.number && header->at == at && header->frames > 0 &&
                      header->bytes <= whole && header->total_bytes() <= whole - at;
    if (!here) {
      note(file.number, at, "a group of another place");
      at += kBlockBytes;
      continue;
    }
    known_ = std::max({known_, Offset{header->end().value - 1}, header->durable});
    const auto group = reader.group(*header, seed);
    if (!group) {
      note(group.error());
    } else if (auto sound = check_frames(*header, *group); !sound) {
      if (auto noted = note_error(file.number, at, sound.error()); !noted) return noted;
    } else {
      take(file, *header);
    }
    at += header->total_bytes();
  }
  return {};
}

Result<void> SalvagedLog::Walk::check_frames(const GroupHeader& header, ByteView group) const {
  auto frames = group.subspan(kGroupHeaderBytes, header.bytes);
  for (auto offset = header.first; !frames.empty(); ++offset.value) {
    const auto refuse = [&](const std::string& reason) {
      return failure(Code::kDamaged, "offset " + std::to_string(offset.value) + ": " + reason);
    };
    const auto length = frame_length(frames);
    QUIPU_CHECK(length && *length <= frames.size());  // The group's check has walked them.
    const auto frame = decode_frame(frames.first(*length));
    if (!frame) return refuse(frame.error().what);
    if (frame->header().identity != log_.options_.identity) return refuse("a frame of another log");
    if (frame->header().partition.value >= log_.options_.partitions) return refuse("a frame of no partition");
    frames = frames.subspan(*length);
  }
  return {};
}

void SalvagedLog::Walk::take(const SegmentFile& file, const GroupHeader& header) {
  if (log_.lost_ || header.first < next_) return;
  if (header.first > next_) {
    LogHole hole{next_, Offset{header.first.value - 1}, {}};
    hole.reason =
        bad_ ? *bad_
             : segment_damaged(disk_, file.number, header.at,
                               "what stood before offset " + std::to_string(header.first.value) + " is missing")
                   .error()
                   .what;
    if (hole.to > log_.options_.counted) {
      hole.from = std::max(hole.from, Offset{log_.options_.counted.value + 1});
      log_.lost_ = std::move(hole);
      return;
    }
    // A log begins where it was trimmed.
    if (next_.value > 1 && !log_.passed_over_) log_.passed_over_ = std::move(hole);
  }
  auto& runs = log_.runs_;
  const bool goes_on = !runs.empty() && runs.back().segment == file.number && runs.back().end_at == header.at &&
                       runs.back().end == header.first;
  if (!goes_on) runs.push_back({file.number, header.at, header.at, header.first, header.first});
  runs.back().end = header.end();
  runs.back().end_at = header.at + header.total_bytes();
  next_ = header.end();
  bad_.reset();
}

void SalvagedLog::Walk::finish() {
  const Offset end{std::max(next_.value, log_.options_.counted.value + 1)};
  if (log_.lost_) {
    log_.lost_->to = std::max(log_.lost_->to, known_);
  } else if (bad_ || known_ >= next_ || next_ <= log_.options_.counted) {
    const auto ends = "the log ends with offset " + std::to_string(next_.value - 1);
    log_.lost_ = LogHole{end, known_, bad_ ? *bad_ : ends};
  }
  log_.end_ = std::max(end, Offset{log_.options_.counted_newest.value + 1});
}

Result<SalvagedLog> SalvagedLog::open(LogDisk* disk, const SalvageOptions& options) {
  SalvagedLog log(disk, options);
  if (disk != nullptr) {
    if (auto walked = Walk(log).run(); !walked) return std::unexpected(walked.error());
    return log;
  }
  log.end_ = Offset{std::max(options.counted, options.counted_newest).value + 1};
  log.lost_ = LogHole{Offset{options.counted.value + 1}, Offset{}, "there is no log"};
  return log;
}

Error SalvagedLog::room_error() const { return {Code::kRefused, "this log is only read, to bring it to its end", 0}; }

Result<LogRead> SalvagedLog::read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) {
  LogRead out;
  out.next = from;
  while (out.frames.empty() || out.bytes.size() < bytes_max) {
    const auto run = std::upper_bound(runs_.begin(), runs_.end(), out.next,
                                      [](Offset offset, const Run& other) { return offset < other.end; });
    if (run == runs_.end()) {
      out.next = std::max(out.next, end_);
      break;
    }
    out.next = std::max(out.next, run->first);
    if (auto done = read_run(*run, partition, bytes_max, out); !done) return std::unexpected(std::move(done.error()));
  }
  return out;
}

Result<void> SalvagedLog::read_run(const Run& run, std::optional<PartitionId> partition, std::size_t bytes_max,
                                   LogRead& out) {
  const auto seed = segment_seed(options_.identity, run.segment);
  SegmentReader reader(*disk_, run.segment, run.end_at, kWindowBytes);  // What stands behind may not be readable.
  auto at = run.at;
  auto first = run.first;
  if (cursor_ > first && cursor_ <= out.next) {
    at = cursor_at_;
    first = cursor_;
  }
  while (first < run.end && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    const auto header = reader.group_header(at, seed, first);
    if (!header) return std::unexpected(header.error());
    if (header->end() > out.next) {
      const auto group = reader.group(*header, seed);
      if (!group) return std::unexpected(group.error());
      take_frames(partition, first, group->subspan(kGroupHeaderBytes, header->bytes), out);
    }
    first = header->end();
    at += header->total_bytes();
  }
  cursor_ = first;
  cursor_at_ = at;
  return {};
}

}  // namespace quipu
