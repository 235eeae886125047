#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quipu {

/// Where something stands in a text: both from 1, columns in characters.
struct SrujaPlace {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// The smallest pieces of the Sruja DSL.
struct SrujaToken {
  enum class Kind : std::uint8_t { kName, kString, kNumber, kArrow, kMark, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;  ///< The name, the digits, the mark, or what stands between the quotes, with escapes undone.
  SrujaPlace place;
};

/// The bounds of a text. What passes one is refused, with its place.
struct SrujaLimits {
  std::size_t text_bytes_max = std::size_t{256} << 10;
  std::size_t string_bytes_max = 4'096;  ///< Of one string, and of one name.
  std::size_t depth_max = 16;            ///< Blocks in blocks.
  std::size_t elements_max = 1'000;
  std::size_t relations_max = 4'000;  ///< Steps of scenarios among them.
};

/// Takes a text apart; the last token is kEnd. Comments run from `//` to the end of the line, or between `/*` and `*/`.
/// Errors are kRefused (kTooLarge for a bound) and begin with `line:column: `.
Result<std::vector<SrujaToken>> read_sruja_tokens(std::string_view text, const SrujaLimits& limits);

/// An error at a place.
std::unexpected<Error> sruja_error(const SrujaPlace& place, std::string_view what, Code code = Code::kRefused);

/// How an error calls a token.
std::string sruja_token_text(const SrujaToken& token);

}  // namespace quipu
