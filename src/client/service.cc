#include "client/service.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

constexpr std::size_t kShownMax = 200;

/// What a body says of a failure, where it is a problem document; else nothing.
struct ProblemText {
  std::string outcome;
  std::string text;
};
std::optional<ProblemText> read_problem(const HttpReply& reply) {
  const auto object = nlohmann::json::parse(reply.body, nullptr, false);
  if (!object.is_object() || !object.contains("outcome") || !object["outcome"].is_string()) return std::nullopt;
  ProblemText problem;
  problem.outcome = object["outcome"].get<std::string>();
  if (object.contains("detail") && object["detail"].is_string()) problem.text = object["detail"].get<std::string>();
  for (const char* place : {"line", "item"}) {
    if (object.contains(place) && object[place].is_number_integer()) {
      problem.text += " (" + std::string(place) + " " + std::to_string(object[place].get<std::int64_t>()) + ")";
    }
  }
  return problem;
}

ServiceOutcome refusal(int status) {
  if (status == 401 || status == 403) return ServiceOutcome::kNotAllowed;
  if (status == 404) return ServiceOutcome::kNotFound;
  if (status == 413) return ServiceOutcome::kTooLarge;
  return ServiceOutcome::kRefused;
}

}  // namespace

std::string_view outcome_word(ServiceOutcome outcome) {
  switch (outcome) {
    case ServiceOutcome::kDone:
      return "done";
    case ServiceOutcome::kRefused:
      return "refused";
    case ServiceOutcome::kNotFound:
      return "not_found";
    case ServiceOutcome::kNotAllowed:
      return "not_allowed";
    case ServiceOutcome::kTooLarge:
      return "too_large";
    case ServiceOutcome::kBusy:
      return "busy";
    case ServiceOutcome::kUnknown:
      return "unknown";
    case ServiceOutcome::kUnreachable:
      return "unreachable";
  }
  return "";
}

Service::Service(const ServiceOptions& options)
    : server_(normal_server(options.server).value_or(options.server)),
      key_(options.key),
      http_({.answer_ms_max = options.answer_ms_max}) {}

ServiceAnswer Service::get(const std::string& path) { return send({}, path); }

ServiceAnswer Service::post(const std::string& path, std::string_view content_type, std::string_view body,
                            const Fields& fields) {
  HttpCall call{"POST", "", fields, body};
  call.fields.emplace_back("Content-Type", content_type);
  return send(std::move(call), path);
}

ServiceAnswer Service::send(HttpCall call, const std::string& path) {
  call.url = server_ + path;
  call.fields.emplace_back("Accept", "application/json");
  if (!key_.empty()) call.fields.emplace_back("Authorization", "Bearer " + key_);
  ServiceAnswer answer;
  auto reply = http_.send(call);
  if (!reply) {
    answer.what = reply.error().what;
    answer.outcome = reply.error().code == Code::kNotFound  ? ServiceOutcome::kUnreachable
                     : reply.error().code == Code::kRefused ? ServiceOutcome::kRefused
                                                            : ServiceOutcome::kUnknown;
    return answer;
  }
  answer.status = reply->status;
  const bool is_json = reply->content_type.find("json") != std::string::npos;
  if (reply->status >= 200 && reply->status < 300 && is_json && nlohmann::json::accept(reply->body)) {
    answer.body = std::move(reply->body);
    return answer;
  }
  const auto problem = is_json ? read_problem(*reply) : std::nullopt;
  if (!problem) {
    answer.outcome = ServiceOutcome::kUnknown;
    auto shown = reply->body.substr(0, kShownMax);
    std::ranges::replace_if(shown, [](unsigned char c) { return c < ' ' || c >= 0x7f; }, ' ');
    answer.what = server_ + " does not answer as Quipu does: HTTP status " + std::to_string(reply->status) +
                  (shown.empty() ? "" : ", \"" + shown + "\"");
    return answer;
  }
  answer.what = problem->text;
  answer.retry_after_ms = reply->retry_after_ms;
  answer.outcome = problem->outcome == "busy"      ? ServiceOutcome::kBusy
                   : problem->outcome == "unknown" ? ServiceOutcome::kUnknown
                                                   : refusal(reply->status);
  return answer;
}

Result<std::string> normal_server(std::string_view server) {
  const auto refuse = [&](const char* what) {
    return failure(Code::kRefused, "'" + std::string(server) + "' " + what + "; write it as http://127.0.0.1:8080");
  };
  std::string url(server);
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  if (!url.starts_with("http://") && !url.starts_with("https://")) return refuse("is neither http nor https");
  const auto host_at = url.find("://") + 3;
  if (host_at >= url.size() || url[host_at] == '/' || url[host_at] == ':') return refuse("names no server");
  if (url.find('@') != std::string::npos) return refuse("must not hold a name or password; a key goes into --key-file");
  if (url.find_first_of("?#") != std::string::npos) return refuse("must not have a query or fragment");
  const bool blank = std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  if (blank) return refuse("has a blank in it");
  const auto port_at = url.find(':', url.find(']', host_at) == std::string::npos ? host_at : url.find(']', host_at));
  if (port_at != std::string::npos) {
    const auto port = url.substr(port_at + 1, url.find('/', port_at) - port_at - 1);
    const bool digits = std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
    if (port.empty() || port.size() > 5 || !digits || std::stoi(port) > 65'535 || std::stoi(port) == 0) {
      return refuse("has no port from 1 to 65535");
    }
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace quipu
