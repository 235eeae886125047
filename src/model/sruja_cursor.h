#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sruja_tokens.h"

namespace quipu {

/// A place in the tokens of a text, and what every statement is made of: names, strings, lists, blocks. What is not
/// there as it should be is an error at the token that stands there instead.
class SrujaCursor {
 public:
  /// `tokens` end with kEnd. The limits must outlive the cursor.
  SrujaCursor(std::vector<SrujaToken> tokens, const SrujaLimits& limits);

  const SrujaLimits& limits() const { return limits_; }

  /// The token at this place, or so many behind it; kEnd from the end on.
  const SrujaToken& peek(std::size_t ahead = 0) const;
  /// Goes on by one token; answers the one that was passed.
  const SrujaToken& next();
  bool is_mark(char mark, std::size_t ahead = 0) const;
  bool is_name(std::string_view name, std::size_t ahead = 0) const;

  /// `expected <what>, found <the token here>`, with its place.
  std::unexpected<Error> expected(std::string_view what) const;

  Result<void> take_mark(char mark, std::string_view where);
  Result<std::string> take_name(std::string_view what);
  Result<std::string> take_string(std::string_view what);
  Result<std::uint64_t> take_number();

  /// The opening bracket of a block that stands in `depth` others.
  Result<void> open_block(std::size_t depth, std::string_view where);
  /// Whether the block that was opened there goes on; passes its closing bracket where it does not.
  Result<bool> block_goes_on(const SrujaPlace& opened);

  /// `[a, "b"]`, behind what `list` holds.
  Result<void> read_list(std::vector<std::string>& list);

  /// Passes a string, a name, a number, a list or a block.
  Result<void> skip_value(std::size_t depth);
  /// Passes a block with everything in it; its brackets must fit.
  Result<void> skip_block(std::size_t depth);

 private:
  std::vector<SrujaToken> tokens_;
  const SrujaLimits& limits_;
  std::size_t at_ = 0;
};

}  // namespace quipu
