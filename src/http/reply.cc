#include "http/reply.h"

#include "http/date.h"
#include "http/json_text.h"
#include "http/verdict.h"

namespace quipu {

void HttpReplyWriter::set_time(TimeMs now) {
  const auto second = now / 1'000;
  if (second == second_) return;
  second_ = second;
  date_ = "Date: ";
  append_http_date(date_, now);
  date_ += "\r\n";
}

void HttpReplyWriter::reply(std::string& out, const HttpReplyShape& shape, int status, std::string_view content_type,
                            std::string_view fields, std::string_view body) const {
  if (status == 202) {
    out += "HTTP/1.1 202 Accepted\r\n";
  } else if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_json_number(out, std::int64_t{status});
    out += ' ';
    out += http_reason(status);
    out += "\r\n";
  }
  out += date_;
  out += fields;
  if (!shape.cors_origin.empty()) {
    out.append("Access-Control-Allow-Origin: ").append(shape.cors_origin).append("\r\nVary: Origin\r\n");
  }
  if (shape.close) out += "Connection: close\r\n";
  if (shape.told_to_stay) out += "Connection: keep-alive\r\n";
  if (status == 204 || status == 304) {
    out += "\r\n";
    return;
  }
  out.append("Content-Type: ").append(content_type).append("\r\nContent-Length: ");
  append_json_number(out, std::uint64_t{body.size()});
  out += "\r\n\r\n";
  if (!shape.head_only) out += body;
}

void HttpReplyWriter::problem(std::string& out, const HttpReplyShape& shape, const Problem& problem,
                              std::string_view fields) const {
  std::string body;
  append_problem(body, problem);
  if (problem.retry_after_ms == 0) {
    return reply(out, shape, problem.status, "application/problem+json", fields, body);
  }
  std::string with_retry("Retry-After: ");
  append_json_number(with_retry, retry_after_seconds(problem.retry_after_ms));
  with_retry.append("\r\n").append(fields);
  reply(out, shape, problem.status, "application/problem+json", with_retry, body);
}

}  // namespace quipu
