#include "load/load_requests.h"

#include <fmt/format.h>

#include <iterator>

namespace quipu {
namespace {

void append_resp(std::string& out, std::string_view space, const std::string& key) {
  const auto name = space == "default" ? key : fmt::format("{}:{}", space, key);
  fmt::format_to(std::back_inserter(out), "*2\r\n$4\r\nINCR\r\n${}\r\n{}\r\n", name.size(), name);
}

void append_http(std::string& out, std::string_view space, std::string_view host, const std::string& key) {
  const bool view = space == "views";
  const auto target = view ? std::string("/view") : fmt::format("/v1/counters/{}/{}", space, key);
  const auto body = view ? fmt::format(R"({{"video_id":"{}"}})", key) : std::string("{}");
  fmt::format_to(std::back_inserter(out),
                 "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                 target, host, body.size(), body);
}

void append_batch(std::string& out, const RequestForm& form, KeyDistribution& keys) {
  std::string lines;
  for (std::size_t i = 0; i < form.batch; ++i) {
    fmt::format_to(std::back_inserter(lines), R"({{"namespace":"{}","counter":"{}"}})", form.space,
                   key_name(keys.next(), form.name_bytes));
    lines += '\n';
  }
  fmt::format_to(std::back_inserter(out),
                 "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\n"
                 "Content-Length: {}\r\n\r\n{}",
                 form.host, lines.size(), lines);
}

}  // namespace

std::string key_name(std::uint64_t number, std::size_t bytes) { return fmt::format("key-{:0{}}", number, bytes - 4); }

RequestRing::RequestRing(const RequestForm& form, KeyDistribution& keys, std::size_t count) {
  starts_.reserve(count + 1);
  starts_.push_back(0);
  for (std::size_t i = 0; i < count; ++i) {
    if (form.protocol == LoadProtocol::kResp) {
      append_resp(bytes_, form.space, key_name(keys.next(), form.name_bytes));
    } else if (form.batch == 1) {
      append_http(bytes_, form.space, form.host, key_name(keys.next(), form.name_bytes));
    } else {
      append_batch(bytes_, form, keys);
    }
    starts_.push_back(bytes_.size());
  }
}

}  // namespace quipu
