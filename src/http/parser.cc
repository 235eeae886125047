#include "http/parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <limits>
#include <optional>

namespace quipu {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

const char* text_of(const error_code& error) {
  if (error == beast_http::error::bad_content_length || error == beast_http::error::multiple_content_length) {
    return "Content-Length is not one number";
  }
  if (error == beast_http::error::bad_transfer_encoding) {
    return "Transfer-Encoding stands twice, or beside Content-Length";
  }
  if (error == beast_http::error::bad_line_ending) return "a carriage return stands alone";
  if (error == beast_http::error::bad_value) return "the value of a header field is malformed";
  return "a header field is malformed";
}

}  // namespace

/// Beast's parser for heads, with our verdict behind its callbacks. Beast knows the grammar; what it lets through is
/// refused here.
class HttpParser::Beast {
 public:
  explicit Beast(HttpParser& owner) : owner_(owner) {}

  /// Begins with a whole head. False when it is refused.
  bool head(std::string_view bytes) {
    impl_.emplace(owner_);
    impl_->body_limit(boost::none);  // Both bounds are ours: Beast's depend on how the bytes were cut.
    impl_->header_limit(std::numeric_limits<std::uint32_t>::max());
    error_.clear();
    impl_->put(boost::beast::net::const_buffer(bytes.data(), bytes.size()), error_);
    return !error_ && impl_->is_header_done();
  }

  const error_code& error() const { return error_; }

 private:
  class Impl final : public beast_http::basic_parser<true> {
   public:
    explicit Impl(HttpParser& owner) : owner_(owner) {}

   private:
    /// Stops Beast; the verdict goes out instead of its error.
    void judged(HttpVerdict verdict, error_code& error) {
      if (verdict.sound()) return;
      owner_.verdict_ = verdict;
      error = beast_http::error::bad_field;
    }

    void on_request_impl(beast_http::verb, boost::beast::string_view, boost::beast::string_view, int,
                         error_code&) override {}
    void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
    void on_field_impl(beast_http::field, boost::beast::string_view name, boost::beast::string_view value,
                       error_code& error) override {
      judged(owner_.judge_.field(view(name), view(value), owner_.request_), error);
    }
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(boost::beast::string_view body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code&) override {
      return body.size();
    }
    void on_finish_impl(error_code&) override {}

    HttpParser& owner_;
  };

  HttpParser& owner_;
  std::optional<Impl> impl_;  // Beast's parsers are for one message: made anew in place for each.
  error_code error_;
};

HttpParser::HttpParser(const NetLimits& limits)
    : header_bytes_max_(limits.header_bytes_max),
      body_bytes_max_(limits.body_bytes_max),
      beast_(std::make_unique<Beast>(*this)) {}

HttpParser::~HttpParser() = default;

bool HttpParser::take_continue() {
  if (!waits_continue_ || told_continue_) return false;
  told_continue_ = true;
  return true;
}

void HttpParser::begin_request() {
  begin_ = line_ = scanned_ = lines_ = head_end_ = needed_ = 0;
  waits_continue_ = told_continue_ = in_chunks_ = false;
}

HttpParser::Step HttpParser::refuse(HttpVerdict verdict) {
  verdict_ = verdict;
  return {Status::kRefused, 0};
}

HttpParser::Step HttpParser::refuse_beast() {
  return verdict_.sound() ? refuse({400, text_of(beast_->error())}) : refuse(verdict_);
}

HttpParser::Step HttpParser::wait(std::size_t used) { return {Status::kNeedMore, used}; }

HttpParser::Step HttpParser::parse(std::string_view bytes) {
  if (!verdict_.sound()) return refuse(verdict_);
  if (in_chunks_) return read_chunks(bytes, 0);
  if (bytes.size() < needed_) return wait(0);
  if (head_end_ == 0 && !find_head_end(bytes)) return verdict_.sound() ? wait(0) : refuse(verdict_);
  if (!read_head(bytes.substr(begin_, head_end_ - begin_))) return refuse_beast();
  return read_body(bytes);
}

/// Looks at each line as it ends, so that what can not become a request is refused at once.
bool HttpParser::find_head_end(std::string_view bytes) {
  while (true) {
    const auto* found = static_cast<const char*>(std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_));
    const auto line_end = found == nullptr ? bytes.size() : static_cast<std::size_t>(found - bytes.data());
    const bool first = lines_ == 0;
    if (line_end - begin_ >= header_bytes_max_) {
      verdict_ = first ? HttpVerdict{414, "the request line is longer than limits.header_bytes"}
                       : HttpVerdict{431, "the header is larger than limits.header_bytes"};
    } else if (found != nullptr) {
      verdict_ = read_line(bytes, line_end);
    }
    if (found == nullptr || !verdict_.sound()) {
      scanned_ = line_end;
      // What is wrong at the line's begin is said, whatever else is wrong with it: it may be all that came so far.
      const auto begin = first ? judge_line_begin(bytes.substr(line_, line_end - line_)) : kSound;
      if (!begin.sound()) verdict_ = begin;
      return false;
    }
    line_ = scanned_ = line_end + 1;
    if (head_end_ != 0) return true;
  }
}

HttpVerdict HttpParser::read_line(std::string_view bytes, std::size_t line_end) {
  if (line_end == line_ || bytes[line_end - 1] != '\r') return {400, "a line does not end in CR LF"};
  const auto line = bytes.substr(line_, line_end - 1 - line_);
  if (line.empty()) {
    if (lines_ > 0) {
      head_end_ = line_end + 1;
      return kSound;
    }
    if (begin_ > 0) return {400, "more than one empty line stands before the request"};
    begin_ = line_end + 1;
    return kSound;
  }
  ++lines_;
  if (lines_ == 1) return judge_request_line(line, request_);
  if (line[0] == ' ' || line[0] == '\t') return {400, "a header field is folded over two lines"};
  return kSound;
}

/// Reads a whole head, which may have moved since its lines were looked at.
bool HttpParser::read_head(std::string_view head) {
  request_ = HttpRequest{};
  verdict_ = judge_request_line(head.substr(0, head.find('\r')), request_);
  if (!verdict_.sound()) return false;
  judge_.begin();
  if (!beast_->head(head)) return false;
  verdict_ = judge_.finish(request_);
  return verdict_.sound();
}

HttpParser::Step HttpParser::read_body(std::string_view bytes) {
  if (judge_.chunked()) return begin_chunks(bytes);
  if (judge_.content_length() > body_bytes_max_) return refuse({413, "the body is larger than limits.body_bytes"});
  const auto end = head_end_ + judge_.content_length();
  if (bytes.size() < end) {
    needed_ = end;
    waits_continue_ = judge_.wants_continue() && bytes.size() == head_end_;
    return wait(0);
  }
  request_.body = bytes.substr(head_end_, judge_.content_length());
  begin_request();
  return {Status::kRequest, end};
}

HttpParser::Step HttpParser::begin_chunks(std::string_view bytes) {
  head_.assign(bytes.substr(begin_, head_end_ - begin_));
  body_.clear();
  if (!read_head(head_)) return refuse_beast();
  waits_continue_ = judge_.wants_continue() && bytes.size() == head_end_;
  in_chunks_ = true;
  chunks_.begin(body_bytes_max_, header_bytes_max_);
  return read_chunks(bytes, head_end_);
}

void HttpParser::forget_body() {
  if (in_chunks_ || kept_bytes() <= kClientShareBytes) return;
  std::string().swap(head_);
  std::string().swap(body_);
}

HttpParser::Step HttpParser::read_chunks(std::string_view bytes, std::size_t used) {
  used += chunks_.take(bytes.substr(used), body_);
  if (!chunks_.verdict().sound()) return refuse(chunks_.verdict());
  if (!chunks_.done()) return wait(used);
  request_.body = body_;
  request_.chunked = true;
  begin_request();
  return {Status::kRequest, used};
}

}  // namespace quipu
