#include "log/segment_writer.h"

#include "base/failpoint.h"
#include "base/planted.h"

namespace quipu {

Result<void> SegmentWriter::write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  if (error_) return std::unexpected(*error_);
  auto done = try_write(segment, at, bytes);
  if (!done) {
    done.error().what = files_.name(segment) + ": " + done.error().what;
    done.error().code = Code::kUnknown;
    error_ = done.error();
    file_.close();
  }
  return done;
}

Result<void> SegmentWriter::try_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  if (!file_ || segment_ != segment) {
    auto opened = files_.open_for_writing(segment, direct_);
    if (!opened) return std::unexpected(opened.error());
    file_ = std::move(*opened);
    segment_ = segment;
  }
  bool invalid = false;
  auto done = write_fully(file_, at, bytes, invalid);
  if (!done && invalid && direct_) {
    QUIPU_MARK("direct write refused");
    // The file system takes the flag but not the write: the same again through the page cache. Nothing was written.
    direct_ = false;
    auto opened = files_.open_for_writing(segment, direct_);
    if (!opened) return std::unexpected(opened.error());
    file_ = std::move(*opened);
    done = write_fully(file_, at, bytes, invalid);
  }
  if (!done) return done;
  if (QUIPU_FAILS_AT("log.written")) return failure(Code::kDamaged, "writing: a failpoint's error");
  if (QUIPU_PLANTED("ack-before-sync")) return {};
  auto synced = sync_data(file_);
  if (!synced && QUIPU_PLANTED("sync-error-ignored")) return {};
  if (!synced && QUIPU_PLANTED("sync-tried-again")) return sync_data(file_);
  QUIPU_FAILPOINT("log.synced");
  return synced;
}

}  // namespace quipu
