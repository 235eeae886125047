#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/request.h"

namespace quipu {

enum class HttpRoute : std::uint8_t {
  kNone,
  kRoot,
  kPage,
  kView,
  kEvents,
  kCounter,
  kCounters,
  kTop,
  kStats,
  kArchitecture,
  kNamespaces,
  kNamespace,
  kSource,
  kLivez,
  kReadyz,
  kHealthz,
  kMetrics,
  kOpenapi,
  kModel,
};

/// What the key of a request must allow. kUnset: there is no such request.
enum class HttpNeed : std::uint8_t { kUnset, kNothing, kIngest, kRead, kAdmin };

/// One address of the service. HEAD goes wherever GET goes, and OPTIONS everywhere.
struct HttpRouteRow {
  HttpRoute route;
  const char* path;   ///< As in docs/openapi.json: `/v1/counters/{namespace}/{counter}`.
  const char* allow;  ///< The methods, as in the field Allow.
  HttpNeed get;       ///< For GET and HEAD.
  HttpNeed post;      ///< For POST.
  HttpNeed change;    ///< For PUT and DELETE.
};

/// Every route there is.
std::span<const HttpRouteRow> http_routes();

/// What a target addresses. Segments are as they stand there, still percent-encoded.
struct HttpRouteMatch {
  HttpRoute route = HttpRoute::kNone;
  std::string_view first;   ///< The first variable segment: a namespace.
  std::string_view second;  ///< The second one: a counter or a source.
  std::string_view query;   ///< Behind `?`; empty without one.
};
HttpRouteMatch match_route(std::string_view target);

/// The methods of a route, as in the field Allow.
const char* allowed_methods(HttpRoute route);
bool allows(HttpRoute route, HttpMethod method);

/// What a request needs where there are keys. OPTIONS needs nothing: browsers ask it without a key.
HttpNeed needed(HttpRoute route, HttpMethod method);

}  // namespace quipu
