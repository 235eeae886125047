#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/verdict.h"

namespace quipu {

/// Undoes the chunked transfer coding (RFC 9112, 7.1), strictly: one size, no space around it, CR LF everywhere, and
/// extensions and trailer fields that are short and of no account.
///
/// Ours, since the one in Boost 1.81 has assertions that bytes from outside can break. Every byte is looked at once,
/// and nothing is left over but what follows the body. Pure.
class ChunkDecoder {
 public:
  /// Begins a body of at most `body_bytes_max` bytes, with trailer fields of at most `trailer_bytes_max`.
  void begin(std::size_t body_bytes_max, std::size_t trailer_bytes_max);

  /// Goes on. Answers how many bytes belong to the body so far: all of them, unless the body ends or is refused.
  std::size_t take(std::string_view bytes, std::string& body);

  bool done() const { return place_ == Place::kDone; }
  /// Why the body is refused; sound as long as it is not.
  const HttpVerdict& verdict() const { return verdict_; }

 private:
  enum class Place : std::uint8_t { kSize, kExtension, kSizeEnd, kData, kDataCr, kDataLf, kTrailers, kDone };

  void take_size(char c);
  void take_extension(char c);
  void end_size(const std::string& body);
  void take_trailer(char c);
  HttpVerdict judge_trailer() const;
  void refuse(HttpVerdict verdict);

  std::size_t body_bytes_max_ = 0;
  std::size_t trailer_bytes_max_ = 0;
  Place place_ = Place::kSize;
  unsigned digits_ = 0;
  std::uint64_t size_ = 0;  // Of the chunk; in kData what is missing of it.
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;  // A trailer field that has no end yet.
  HttpVerdict verdict_;
};

}  // namespace quipu
