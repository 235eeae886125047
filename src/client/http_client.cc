#include "client/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>

namespace quipu {
namespace {

constexpr std::int64_t kRetryAfterSecondsMax = 3'600;

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]" || host == "::1";
}

/// The host of a URL; "" where it has none.
std::string host_of(const std::string& url) {
  std::string host;
  CURLU* parts = curl_url();
  char* found = nullptr;
  if (curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &found, 0) == CURLUE_OK) {
    host = found;
    curl_free(found);
  }
  curl_url_cleanup(parts);
  return host;
}

/// What the library writes into while a request is under way.
struct Incoming {
  std::string body;
  std::size_t bytes_max = 0;
  bool too_long = false;
};

std::size_t take_body(const char* bytes, std::size_t, std::size_t count, void* to) {
  auto& incoming = *static_cast<Incoming*>(to);
  if (incoming.body.size() + count > incoming.bytes_max) {
    incoming.too_long = true;
    return 0;  // Ends the transfer.
  }
  incoming.body.append(bytes, count);
  return count;
}

}  // namespace

class HttpClient::State {
 public:
  explicit State(const HttpClientOptions& client_options) : options(client_options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle = curl_easy_init();
  }
  ~State() { curl_easy_cleanup(handle); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<HttpReply> send(const HttpCall& call);

  void prepare(const HttpCall& call, const std::string& host, curl_slist* fields);
  std::unexpected<Error> failed(CURLcode code, const HttpCall& call) const;

  HttpClientOptions options;
  CURL* handle = nullptr;
  Incoming incoming;
  char reason[CURL_ERROR_SIZE] = "";
};

void HttpClient::State::prepare(const HttpCall& call, const std::string& host, curl_slist* fields) {
  curl_easy_reset(handle);  // Of its options alone: connections are kept.
  reason[0] = '\0';
  incoming = {{}, options.answer_bytes_max, false};
  curl_easy_setopt(handle, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_ms_max));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options.answer_ms_max));
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "quipu");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, fields);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &incoming);
  if (is_loopback(host)) curl_easy_setopt(handle, CURLOPT_PROXY, "");
  if (call.method == "POST") {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call.body.data() == nullptr ? "" : call.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  }
}

Result<HttpReply> HttpClient::State::send(const HttpCall& call) {
  if (handle == nullptr) return failure(Code::kRefused, "the HTTP library has no memory");
  const auto host = host_of(call.url);
  if (host.empty())
    return failure(Code::kRefused, call.url +
                                       " is not the address of a service, such as "
                                       "http://127.0.0.1:8080");
  // No "Expect: 100-continue", which would cost a round trip for each larger body.
  curl_slist* fields = curl_slist_append(nullptr, "Expect:");
  for (const auto& [name, value] : call.fields) fields = curl_slist_append(fields, (name + ": " + value).c_str());
  prepare(call, host, fields);
  const auto code = curl_easy_perform(handle);
  curl_slist_free_all(fields);
  if (code != CURLE_OK) return failed(code, call);
  HttpReply reply;
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  const char* type = nullptr;
  curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
  if (type != nullptr) reply.content_type = type;
  curl_off_t wait_seconds = 0;
  curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait_seconds);
  if (wait_seconds > 0) reply.retry_after_ms = std::min<std::int64_t>(wait_seconds, kRetryAfterSecondsMax) * 1'000;
  reply.body = std::move(incoming.body);
  return reply;
}

std::unexpected<Error> HttpClient::State::failed(CURLcode code, const HttpCall& call) const {
  const std::string why = reason[0] != '\0' ? reason : curl_easy_strerror(code);
  if (incoming.too_long) {
    return failure(Code::kUnknown,
                   call.url + ": the answer is longer than " + std::to_string(options.answer_bytes_max) + " bytes");
  }
  // Nothing was sent before this moment came.
  curl_off_t connected_us = 0;
  curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  if (connected_us > 0) return failure(Code::kUnknown, call.url + ": " + why);
  const bool no_address = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  return failure(no_address ? Code::kRefused : Code::kNotFound, call.url + ": " + why);
}

HttpClient::HttpClient(const HttpClientOptions& options) : state_(std::make_unique<State>(options)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpReply> HttpClient::send(const HttpCall& call) { return state_->send(call); }

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       byte == '-' || byte == '.' || byte == '_' || byte == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace quipu
