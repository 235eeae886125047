#include "log/decoding_scan.h"

#include <string>

#include "event/frame.h"

namespace quipu {

Result<LogRead> DecodingScan::next() {
  auto read = scan_->next();
  if (!read) return read;
  read->decoded.clear();
  read->decoded.reserve(read->frames.size());
  for (const LogRead::Item& item : read->frames) {
    auto frame = decode_frame(read->frame(item), FrameBytes::kAsWritten);
    if (!frame) {
      return failure(Code::kDamaged, "offset " + std::to_string(item.offset.value) + ": " + frame.error().what);
    }
    read->decoded.push_back(*frame);
  }
  return read;
}

}  // namespace quipu
