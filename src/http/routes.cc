#include "http/routes.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace quipu {
namespace {

constexpr const char* kRead = "GET, HEAD, OPTIONS";
constexpr const char* kWrite = "POST, OPTIONS";

constexpr std::array kRoutes{
    HttpRouteRow{HttpRoute::kRoot, "/", kRead},
    HttpRouteRow{HttpRoute::kView, "/view", kWrite},
    HttpRouteRow{HttpRoute::kEvents, "/v1/events", kWrite},
    HttpRouteRow{HttpRoute::kCounter, "/v1/counters/{namespace}/{counter}", "GET, HEAD, POST, DELETE, OPTIONS"},
    HttpRouteRow{HttpRoute::kCounters, "/v1/counters/{namespace}", kRead},
    HttpRouteRow{HttpRoute::kTop, "/v1/top/{namespace}", kRead},
    HttpRouteRow{HttpRoute::kStats, "/v1/stats", kRead},
    HttpRouteRow{HttpRoute::kNamespaces, "/v1/namespaces", kRead},
    HttpRouteRow{HttpRoute::kNamespace, "/v1/namespaces/{namespace}", "GET, HEAD, PUT, OPTIONS"},
    HttpRouteRow{HttpRoute::kSource, "/v1/sources/{namespace}/{source}", kRead},
    HttpRouteRow{HttpRoute::kLivez, "/livez", kRead},
    HttpRouteRow{HttpRoute::kReadyz, "/readyz", kRead},
    HttpRouteRow{HttpRoute::kHealthz, "/healthz", kRead},
    HttpRouteRow{HttpRoute::kMetrics, "/metrics", kRead},
    HttpRouteRow{HttpRoute::kOpenapi, "/openapi.json", kRead},
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

}  // namespace quipu
