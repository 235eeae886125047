#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quipu {

/// An answer that is no success, as `application/problem+json` (RFC 9457). `outcome` is the one word that says what
/// became of the request: see OutcomeWords.
struct Problem {
  int status = 400;
  const char* outcome = "refused";
  std::string_view detail;
  std::int64_t retry_after_ms = 0;  ///< With `busy`: the earliest useful retry.
  const char* place_name = "";      ///< Such as `line`: where in the body.
  std::uint32_t place = 0;          ///< From 1; 0: nowhere in particular.
};

/// What a code means over HTTP. `busy` always says when to try again.
Problem problem_of(Code code, std::string_view detail, std::int64_t retry_after_ms = 0);

/// Appends the document. Everything in it is escaped.
void append_problem(std::string& out, const Problem& problem);

/// `Retry-After`: whole seconds, rounded up, at least 1.
std::int64_t retry_after_seconds(std::int64_t retry_after_ms);

}  // namespace quipu
