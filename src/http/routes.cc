#include "http/routes.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace quipu {
namespace {

constexpr const char* kReading = "GET, HEAD, OPTIONS";
constexpr const char* kPosting = "POST, OPTIONS";

using enum HttpNeed;

// route, path, methods; then the rights: for GET and HEAD, for POST, for PUT and DELETE
constexpr std::array kRoutes{
    // The page holds nothing of the service; what it shows, it asks for with a key.
    HttpRouteRow{HttpRoute::kRoot, "/", kReading, kNothing, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kPage, "/page/{file}", kReading, kNothing, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kView, "/view", kPosting, kUnset, kIngest, kUnset},
    HttpRouteRow{HttpRoute::kEvents, "/v1/events", kPosting, kUnset, kIngest, kUnset},
    HttpRouteRow{HttpRoute::kCounter, "/v1/counters/{namespace}/{counter}", "GET, HEAD, POST, DELETE, OPTIONS", kRead,
                 kIngest, kAdmin},
    HttpRouteRow{HttpRoute::kCounters, "/v1/counters/{namespace}", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kTop, "/v1/top/{namespace}", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kStats, "/v1/stats", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kArchitecture, "/v1/architecture", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kNamespaces, "/v1/namespaces", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kNamespace, "/v1/namespaces/{namespace}", "GET, HEAD, PUT, OPTIONS", kRead, kUnset, kAdmin},
    HttpRouteRow{HttpRoute::kSource, "/v1/sources/{namespace}/{source}", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kLivez, "/livez", kReading, kNothing, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kReadyz, "/readyz", kReading, kNothing, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kHealthz, "/healthz", kReading, kNothing, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kMetrics, "/metrics", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kOpenapi, "/openapi.json", kReading, kRead, kUnset, kUnset},
    HttpRouteRow{HttpRoute::kModel, "/architecture.sruja", kReading, kRead, kUnset, kUnset},
};

std::string_view method_name(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kHead:
      return "HEAD";
    case HttpMethod::kPost:
      return "POST";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kDelete:
      return "DELETE";
    case HttpMethod::kOptions:
      return "OPTIONS";
    case HttpMethod::kPatch:
      return "PATCH";
    case HttpMethod::kTrace:
      return "TRACE";
    case HttpMethod::kOther:
      break;
  }
  return "";
}

/// Whether `path` has the shape of `pattern`; fills in what stands where the pattern has `{name}`.
bool matches(std::string_view pattern, std::string_view path, HttpRouteMatch& match) {
  unsigned variables = 0;
  while (!pattern.empty()) {
    if (pattern[0] != '{') {
      if (path.empty() || path[0] != pattern[0]) return false;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
      continue;
    }
    const auto end = std::min(path.find('/'), path.size());
    (variables++ == 0 ? match.first : match.second) = path.substr(0, end);
    path.remove_prefix(end);
    pattern.remove_prefix(pattern.find('}') + 1);
  }
  return path.empty();
}

}  // namespace

std::span<const HttpRouteRow> http_routes() { return kRoutes; }

HttpRouteMatch match_route(std::string_view target) {
  HttpRouteMatch match;
  const auto path = target.substr(0, std::min(target.find('?'), target.size()));
  if (path.size() < target.size()) match.query = target.substr(path.size() + 1);
  for (const HttpRouteRow& row : kRoutes) {
    if (!matches(row.path, path, match)) continue;
    match.route = row.route;
    break;
  }
  return match;
}

const char* allowed_methods(HttpRoute route) {
  const auto* const row = std::ranges::find(kRoutes, route, &HttpRouteRow::route);
  QUIPU_CHECK(row != kRoutes.end());
  return row->allow;
}

bool allows(HttpRoute route, HttpMethod method) {
  const auto name = method_name(method);
  std::string_view list = allowed_methods(route);
  while (!list.empty()) {
    const auto end = std::min(list.find(", "), list.size());
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return false;
}

HttpNeed needed(HttpRoute route, HttpMethod method) {
  if (!allows(route, method)) return kUnset;
  const auto* const row = std::ranges::find(kRoutes, route, &HttpRouteRow::route);
  QUIPU_CHECK(row != kRoutes.end());
  switch (method) {
    case HttpMethod::kOptions:
      return kNothing;
    case HttpMethod::kGet:
    case HttpMethod::kHead:
      return row->get;
    case HttpMethod::kPost:
      return row->post;
    case HttpMethod::kPut:
    case HttpMethod::kDelete:
      return row->change;
    default:
      return kUnset;
  }
}

}  // namespace quipu
