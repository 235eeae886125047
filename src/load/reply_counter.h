#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "load/load_requests.h"

namespace quipu {

/// What became of the requests, by the server's own word.
struct ReplyTally {
  std::uint64_t accepted = 0;
  std::uint64_t busy = 0;     ///< Surely not counted.
  std::uint64_t unknown = 0;  ///< Perhaps counted.
  std::uint64_t refused = 0;  ///< Surely not counted; the same request will fail again.
  std::string first_error;    ///< The first reply that was none of success, as it came.

  std::uint64_t replies() const { return accepted + busy + unknown + refused; }
};

/// Counts the replies in a stream of bytes that arrives in pieces. It knows as much of RESP and HTTP as the replies to
/// adding to a counter need, and refuses everything else.
class ReplyCounter {
 public:
  explicit ReplyCounter(LoadProtocol protocol) : protocol_(protocol) {}

  /// Takes the next bytes and answers how many replies they completed. kRefused when they are no replies: the
  /// connection is of no more use.
  Result<std::uint64_t> feed(std::string_view bytes, ReplyTally& tally);

 private:
  /// Takes one whole reply off the front of `bytes`; false when there is none yet.
  Result<bool> take_resp(std::string_view& bytes, ReplyTally& tally) const;
  Result<bool> take_http(std::string_view& bytes, ReplyTally& tally);

  LoadProtocol protocol_;
  std::string kept_;      // The beginning of a reply whose end has not arrived.
  std::string accepted_;  // The last whole reply of success over HTTP: most are the same, and comparing is cheap.
};

}  // namespace quipu
