#include "log/segment_recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/planted.h"
#include "log/segment_reader.h"

namespace quipu {

namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

std::string text(Offset offset) { return std::to_string(offset.value); }

class Recovery {
 public:
  Recovery(LogDisk& disk, const RecoveryOptions& options) : disk_(disk), options_(options) {}

  Result<RecoveredLog> run();

 private:
  std::unexpected<Error> damaged(SegmentNumber segment, std::uint64_t at, const std::string& reason) const {
    return segment_damaged(disk_, segment, at, reason);
  }

  Result<void> read_headers();
  Result<void> check_chain() const;
  Result<void> check_neighbours(const SegmentHeader& before, const SegmentHeader& after) const;
  Result<void> walk_last();
  void find_tail();
  bool tail_can_wait() const;
  Result<void> check_known_durable() const;
  Result<void> settle();
  Result<void> keep_spare(std::size_t spares);
  Result<void> rewrite_last_group();

  LogDisk& disk_;
  const RecoveryOptions& options_;
  RecoveredLog log_;
  std::vector<SegmentFile> files_;
  std::vector<std::optional<SegmentHeader>> headers_;  ///< Beside files_.
  std::vector<std::string> reasons_;                   ///< Why a header is not there.
  std::size_t used_ = 0;                               ///< Files up to the last with a header.
  std::string end_reason_;                             ///< Why the log ends where it does.
};

Result<RecoveredLog> Recovery::run() {
  auto files = disk_.list();
  if (!files) return std::unexpected(files.error());
  files_ = std::move(*files);
  if (auto done = read_headers(); !done) return std::unexpected(done.error());
  if (auto done = check_chain(); !done) return std::unexpected(done.error());
  if (used_ > 0) {
    if (auto done = walk_last(); !done) return std::unexpected(done.error());
  }
  find_tail();
  if (!tail_can_wait()) {
    if (auto done = log_.tail->check(); !done) return std::unexpected(done.error());
  }
  if (auto done = check_known_durable(); !done) return std::unexpected(done.error());
  if (auto done = settle(); !done) return std::unexpected(done.error());
  return std::move(log_);
}

Result<void> Recovery::read_headers() {
  Bytes block(kBlockBytes);
  for (const auto& file : files_) {
    headers_.emplace_back();
    reasons_.emplace_back();
    if (file.bytes < kBlockBytes) {
      reasons_.back() = "the file has only " + std::to_string(file.bytes) + " bytes";
      continue;
    }
    if (auto read = disk_.read(file.number, 0, block); !read) return std::unexpected(read.error());
    auto header = decode_segment_header(block);
    if (!header) {
      if (header.error().code == Code::kRefused) {
        return failure(Code::kRefused, disk_.name(file.number) + ": " + header.error().what);
      }
      reasons_.back() = header.error().what;
      continue;
    }
    if (header->identity != options_.identity) {
      return damaged(file.number, 0,
                     "the segment belongs to another log (generation " +
                         std::to_string(header->identity.generation.value) + ", this one has " +
                         std::to_string(options_.identity.generation.value) + ")");
    }
    if (header->number != file.number) {
      return damaged(file.number, 0, "this is segment " + std::to_string(header->number.value) + " in another's place");
    }
    if (header->bytes != file.bytes) {
      return damaged(
          file.number, 0,
          "the file has " + std::to_string(file.bytes) + " bytes, its header says " + std::to_string(header->bytes));
    }
    headers_.back() = *header;
    used_ = headers_.size();
  }
  return {};
}

Result<void> Recovery::check_chain() const {
  for (std::size_t i = 1; i < files_.size(); ++i) {
    const SegmentNumber expected(files_[i - 1].number.value + 1);
    if (files_[i].number != expected) {
      return damaged(expected, 0, "the segment is missing, though " + disk_.name(files_[i].number) + " is there");
    }
  }
  if (used_ == 0 && !files_.empty() && files_.front().number.value != 1) {
    return damaged(files_.front().number, 0, "no segment has a header, though there were segments before this one");
  }
  for (std::size_t i = 0; i + 1 < used_; ++i) {
    if (!headers_[i]) return damaged(files_[i].number, 0, reasons_[i] + ", though sound segments follow");
    if (!headers_[i + 1]) continue;  // Named in the next round.
    if (auto done = check_neighbours(*headers_[i], *headers_[i + 1]); !done) return done;
  }
  return {};
}

Result<void> Recovery::check_neighbours(const SegmentHeader& before, const SegmentHeader& after) const {
  const auto refuse = [&](const std::string& reason) {
    return damaged(before.number, after.previous_group_at,
                   reason + "; " + disk_.name(after.number) + " begins with offset " + text(after.first) +
                       ", so the last group of this segment should be here and end with offset " +
                       std::to_string(after.first.value - 1));
  };
  if (after.first <= before.first || after.previous_group_at < kBlockBytes ||
      after.previous_group_at > before.bytes - kBlockBytes) {
    return refuse("the segments' offsets do not follow each other");
  }
  Bytes bytes(kGroupHeaderBytes);
  if (auto read = disk_.read(before.number, after.previous_group_at, bytes); !read) return read;
  const auto group = decode_group_header(bytes, segment_seed(options_.identity, before.number));
  if (!group) return refuse(group.error().what);
  if (group->at != after.previous_group_at || group->end() != after.first) {
    return refuse("the group here ends with offset " + std::to_string(group->end().value - 1));
  }
  return {};
}

Result<void> Recovery::walk_last() {
  for (std::size_t i = 0; i < used_; ++i) {
    LogSegment segment;
    segment.number = files_[i].number;
    segment.bytes = files_[i].bytes;
    segment.first = headers_[i]->first;
    segment.newest = i + 1 < used_ ? headers_[i + 1]->time : headers_[i]->time;
    segment.remember(segment.first, kBlockBytes);
    log_.segments.push_back(std::move(segment));
  }
  auto& last = log_.segments.back();
  const auto seed = segment_seed(options_.identity, last.number);
  SegmentReader reader(disk_, last.number, last.bytes, kWindowBytes);
  log_.end = last.first;
  log_.write_at = kBlockBytes;
  while (true) {
    const auto header = reader.group_header(log_.write_at, seed, log_.end);
    if (!header) {
      // What can not be read may be sound: it must not be taken for a torn write, and be overwritten.
      if (header.error().code == Code::kRefused || (reader.unreadable() && !QUIPU_PLANTED("read-error-is-torn-tail"))) {
        return std::unexpected(header.error());
      }
      end_reason_ = header.error().what;
      break;
    }
    if (const auto group = reader.group(*header, seed); !group && !QUIPU_PLANTED("torn-tail-accepted")) {
      if (reader.unreadable() && !QUIPU_PLANTED("read-error-is-torn-tail")) return std::unexpected(group.error());
      QUIPU_MARK("group torn behind a whole header");
      end_reason_ = group.error().what;
      break;
    }
    last.remember(header->first, header->at);
    last.newest = std::max(last.newest, header->time);
    log_.last_group_at = header->at;
    log_.write_at = header->at + header->total_bytes();
    log_.end = header->end();
  }
  return {};
}

void Recovery::find_tail() {
  std::vector<SegmentTail::Part> parts;
  if (used_ > 0) parts.push_back({files_[used_ - 1], log_.write_at});
  for (auto i = used_; i < files_.size(); ++i) parts.push_back({files_[i], 0});
  SegmentTail::End end;
  end.identity = options_.identity;
  end.offset = log_.end;
  if (!log_.segments.empty()) {
    end.segment = log_.segments.back().number;
  } else if (!files_.empty()) {
    end.segment = files_.front().number;
  }
  end.reason = end_reason_;
  log_.tail = std::make_shared<SegmentTail>(disk_, std::move(end), std::move(parts));
}

/// Whether nothing else goes by what the tail holds. The last sound group is written again before it is known that the
/// log is not damaged: as it stands there, so that changes nothing.
bool Recovery::tail_can_wait() const {
  if (!options_.check_tail_later || log_.last_group_at == 0 || files_.size() > used_ + 1) return false;
  return files_.size() == used_ || files_[used_].bytes == options_.segment_bytes;
}

Result<void> Recovery::check_known_durable() const {
  if (options_.known_durable < log_.end) return {};
  const auto number = log_.segments.empty() ? SegmentNumber(1) : log_.segments.back().number;
  return damaged(number, log_.write_at,
                 "the log ends with offset " + std::to_string(log_.end.value - 1) + ", but offset " +
                     text(options_.known_durable) + " was acknowledged: frames are lost. " + end_reason_);
}

/// From here on everything is sound, and the disk is changed.
Result<void> Recovery::settle() {
  if (log_.last_group_at != 0 && !QUIPU_PLANTED("last-group-not-synced-again")) {
    if (auto done = rewrite_last_group(); !done) return done;
  }
  if (!tail_can_wait()) {
    if (auto done = log_.tail->make_zero(); !done) return done;
    log_.cut = std::exchange(log_.tail, nullptr)->cut();
  }
  // The last segment may have a header and not one whole group: its first write was torn. It is begun anew.
  auto spares = used_;
  if (used_ > 0 && log_.last_group_at == 0) {
    QUIPU_MARK("last segment begun anew");
    --spares;
    if (auto done = write_zeros(disk_, files_[spares].number, 0, kBlockBytes); !done) return done;
    log_.segments.pop_back();
    if (!log_.segments.empty()) {
      log_.last_group_at = headers_[spares]->previous_group_at;
      log_.write_at = log_.segments.back().bytes;  // It was full when the log moved on.
    }
  }
  if (!log_.segments.empty()) log_.next_number = SegmentNumber(log_.segments.back().number.value + 1);
  return keep_spare(spares);
}

/// From the last on, so that a crash leaves no gap.
Result<void> Recovery::keep_spare(std::size_t spares) {
  for (auto i = files_.size(); i-- > spares;) {
    if (i == spares && files_[i].bytes == options_.segment_bytes) {
      log_.spare = files_[i].number;
      log_.next_number = SegmentNumber(files_[i].number.value + 1);
    } else if (auto done = disk_.remove(files_[i].number); !done) {
      return done;
    }
  }
  return {};
}

Result<void> Recovery::rewrite_last_group() {
  const auto& last = log_.segments.back();
  const auto begin = log_.last_group_at == kBlockBytes ? 0 : log_.last_group_at;
  Bytes bytes(log_.write_at - begin);
  if (auto read = disk_.read(last.number, begin, bytes); !read) return read;
  // It was sound a moment ago. What a bad read brings now must not be made durable in its place.
  const auto group = ByteView(bytes).subspan(log_.last_group_at - begin);
  const auto seed = segment_seed(options_.identity, last.number);
  const auto header = decode_group_header(group, seed);
  if (!header) return damaged(last.number, log_.last_group_at, header.error().what);
  if (header->total_bytes() != group.size()) return damaged(last.number, log_.last_group_at, "its size has changed");
  if (auto sound = check_group_body(*header, group, seed); !sound) {
    return damaged(last.number, log_.last_group_at, sound.error().what);
  }
  if (begin == 0) {
    const auto segment = decode_segment_header(ByteView(bytes).first(kBlockBytes));
    if (!segment) return damaged(last.number, 0, segment.error().what);
  }
  return disk_.write(last.number, begin, bytes);
}

}  // namespace

void LogSegment::remember(Offset group_first, std::uint64_t at) {
  if (places.empty() || at >= places.back().at + kPlaceBytes) places.push_back({group_first, at});
}

Result<RecoveredLog> recover_segments(LogDisk& disk, const RecoveryOptions& options) {
  return Recovery(disk, options).run();
}

}  // namespace quipu
