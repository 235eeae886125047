#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/chunks.h"
#include "http/request.h"
#include "http/verdict.h"
#include "net/limits.h"

namespace quipu {

/// Bytes of one connection in, requests of HTTP/1.1 and 1.0 out, one at a time.
///
///   bytes ─► lines, request line ─► Beast's parser ─► our verdict on each field ─► length or chunks ─► request
///
/// Promise: what comes out depends on the bytes alone, not on how they were cut; after a refusal nothing more comes
/// out. A body with a length is handed out where it lies in the input, a chunked one from the parser's own memory.
/// Pure; one object a connection, whose memory is reused. Bounds: `limits.header_bytes_max`, `limits.body_bytes_max`.
class HttpParser {
 public:
  explicit HttpParser(const NetLimits& limits);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  enum class Status {
    kNeedMore,  ///< No whole request yet. Offer the bytes that were not used again, with more behind them.
    kRequest,   ///< `request()` holds until the next call, while the bytes stay where they are.
    kRefused,   ///< `verdict()` says why. For good: answer it, close, and read nothing more.
  };
  struct Step {
    Status status = Status::kNeedMore;
    std::size_t used = 0;  ///< How many of the bytes offered are used up, whatever the status.
  };

  /// Goes on with `bytes`, which begin behind what was used up so far.
  Step parse(std::string_view bytes);

  const HttpRequest& request() const { return request_; }
  const HttpVerdict& verdict() const { return verdict_; }

  /// After kNeedMore: the client waits for `100 Continue` before it sends the body. Says so once a request.
  bool take_continue();

  /// Bytes that were used up already began a request that is not whole yet.
  bool mid_request() const { return in_chunks_; }

  /// The memory that a chunked request takes here.
  std::size_t kept_bytes() const { return head_.capacity() + body_.capacity(); }
  /// Keeps no large body that nobody needs any more. What `request()` says of a chunked one is gone with it.
  void forget_body();

 private:
  class Beast;

  Step refuse(HttpVerdict verdict);
  Step refuse_beast();
  Step wait(std::size_t used);
  bool find_head_end(std::string_view bytes);
  HttpVerdict read_line(std::string_view bytes, std::size_t line_end);
  bool read_head(std::string_view head);
  Step read_body(std::string_view bytes);
  Step begin_chunks(std::string_view bytes);
  Step read_chunks(std::string_view bytes, std::size_t used);
  void begin_request();

  std::size_t header_bytes_max_;
  std::size_t body_bytes_max_;
  HttpRequest request_;
  HttpVerdict verdict_;
  HttpFieldJudge judge_;
  std::unique_ptr<Beast> beast_;

  // Of the request that is being read.
  std::size_t begin_ = 0;     // Behind an empty line before the request.
  std::size_t line_ = 0;      // Where the line begins that is looked at.
  std::size_t scanned_ = 0;   // No line feed between line_ and here.
  std::size_t lines_ = 0;     // Whole lines so far.
  std::size_t head_end_ = 0;  // 0: not found yet.
  std::size_t needed_ = 0;    // Fewer bytes than these are not worth a look.
  bool waits_continue_ = false;
  bool told_continue_ = false;
  bool in_chunks_ = false;
  ChunkDecoder chunks_;
  std::string head_;  // Of a chunked request, whose bytes are used up before it is whole.
  std::string body_;
};

}  // namespace quipu
