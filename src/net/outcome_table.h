#pragma once

#include "base/result.h"

namespace quipu {

/// How one Code reads on the wire. Static texts.
struct OutcomeWords {
  Code code;
  int http_status;
  /// `refused` (never counted; the same request will fail again), `busy` (not counted; try again) or `unknown`
  /// (perhaps counted; only a retry with the same id or sequence is safe).
  const char* outcome;
  const char* resp_prefix;  ///< First word of the error reply: `ERR`, `BUSY` or `UNKNOWN`.
};

/// The one table that maps a Code to HTTP and to RESP.
const OutcomeWords& outcome_words(Code code);

}  // namespace quipu
