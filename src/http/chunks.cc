#include "http/chunks.h"

#include <algorithm>

#include "net/limits.h"

namespace quipu {
namespace {

constexpr HttpVerdict kMalformed{400, "a chunk of the body is malformed"};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// What may stand in a value: no control character but the tab.
bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

void ChunkDecoder::begin(std::size_t body_bytes_max, std::size_t trailer_bytes_max) {
  body_bytes_max_ = body_bytes_max;
  trailer_bytes_max_ = trailer_bytes_max;
  place_ = Place::kSize;
  digits_ = 0;
  size_ = 0;
  extension_bytes_ = trailer_bytes_ = 0;
  line_.clear();
  verdict_ = kSound;
}

void ChunkDecoder::refuse(HttpVerdict verdict) { verdict_ = verdict; }

std::size_t ChunkDecoder::take(std::string_view bytes, std::string& body) {
  std::size_t at = 0;
  while (at < bytes.size() && verdict_.sound() && place_ != Place::kDone) {
    if (place_ == Place::kData) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size() - at));
      body.append(bytes.substr(at, size));
      at += size;
      size_ -= size;
      if (size_ == 0) place_ = Place::kDataCr;
      continue;
    }
    const char c = bytes[at++];
    switch (place_) {
      case Place::kSize:
        take_size(c);
        break;
      case Place::kExtension:
        take_extension(c);
        break;
      case Place::kSizeEnd:
        if (c == '\n') end_size(body);
        if (c != '\n') refuse(kMalformed);
        break;
      case Place::kDataCr:
        place_ = Place::kDataLf;
        if (c != '\r') refuse(kMalformed);
        break;
      case Place::kDataLf:
        place_ = Place::kSize;
        if (c != '\n') refuse(kMalformed);
        break;
      case Place::kTrailers:
        take_trailer(c);
        break;
      case Place::kData:
      case Place::kDone:
        break;
    }
  }
  return at;
}

void ChunkDecoder::take_size(char c) {
  if (const int value = hex_value(c); value >= 0 && digits_ < kChunkSizeDigitsMax) {
    size_ = size_ << 4 | static_cast<unsigned>(value);
    ++digits_;
  } else if (digits_ > 0 && c == ';') {
    extension_bytes_ = 1;
    place_ = Place::kExtension;
  } else if (digits_ > 0 && c == '\r') {
    place_ = Place::kSizeEnd;
  } else {
    refuse(kMalformed);
  }
}

void ChunkDecoder::take_extension(char c) {
  if (c == '\r') {
    place_ = Place::kSizeEnd;
  } else if (!is_text(c) || ++extension_bytes_ > kChunkExtensionBytesMax) {
    refuse(kMalformed);
  }
}

void ChunkDecoder::end_size(const std::string& body) {
  digits_ = 0;
  if (size_ == 0) {
    place_ = Place::kTrailers;
  } else if (size_ > body_bytes_max_ - body.size()) {
    refuse({413, "the body is larger than limits.body_bytes"});
  } else {
    place_ = Place::kData;
  }
}

void ChunkDecoder::take_trailer(char c) {
  if (++trailer_bytes_ > trailer_bytes_max_) {
    refuse({431, "the fields behind the body are larger than limits.header_bytes"});
    return;
  }
  if (c != '\n') {
    line_ += c;
    return;
  }
  if (!line_.ends_with('\r')) {
    refuse(kMalformed);
    return;
  }
  line_.pop_back();
  if (line_.empty()) {
    place_ = Place::kDone;
    return;
  }
  verdict_ = judge_trailer();
  line_.clear();
}

HttpVerdict ChunkDecoder::judge_trailer() const {
  const auto colon = line_.find(':');
  if (colon == std::string::npos || !is_token(std::string_view(line_).substr(0, colon))) return kMalformed;
  if (!std::ranges::all_of(line_, is_text)) return kMalformed;
  return HttpFieldJudge::trailer(std::string_view(line_).substr(0, colon));
}

}  // namespace quipu
