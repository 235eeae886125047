#include "http/planner.h"

#include <string>

#include "http/answers.h"
#include "http/json_object.h"
#include "http/openapi.h"
#include "http/plan_work.h"
#include "http/verdict.h"
#include "ingest/names.h"
#include "model/architecture.h"

namespace quipu {
namespace {

bool changes_something(HttpMethod method) {
  return method == HttpMethod::kPost || method == HttpMethod::kPut || method == HttpMethod::kDelete;
}

/// Whether the route's answer rests on the counters, which must have been read back first.
bool needs_engine(HttpRoute route) {
  switch (route) {
    case HttpRoute::kView:
    case HttpRoute::kEvents:
    case HttpRoute::kCounter:
    case HttpRoute::kCounters:
    case HttpRoute::kTop:
    case HttpRoute::kNamespaces:
    case HttpRoute::kNamespace:
    case HttpRoute::kSource:
      return true;
    default:
      return false;
  }
}

/// Whether the route is about counters; the others ask what the service is and does.
bool asks_of_counters(HttpRoute route) {
  return route == HttpRoute::kView || route == HttpRoute::kEvents || route == HttpRoute::kCounter ||
         route == HttpRoute::kCounters;
}

}  // namespace

HttpReplyShape HttpPlanner::shape_of(const HttpRequest& request) const {
  HttpReplyShape shape;
  shape.head_only = request.method == HttpMethod::kHead;
  shape.close = !request.keep_alive;
  shape.told_to_stay = request.minor_version == 0 && request.keep_alive;
  if (request.origin) shape.cors_origin = cors_origin(request);
  return shape;
}

/// The configured origin that the request comes from; "" where there is none.
std::string_view HttpPlanner::cors_origin(const HttpRequest& request) const {
  for (const std::string& origin : context_.cors_origins) {
    if (origin == "*" || origin == *request.origin) return origin;
  }
  return "";
}

/// Whether a page of another site sends this. Browsers let such a page send simple requests without asking.
bool HttpPlanner::comes_from_elsewhere(const HttpRequest& request) const {
  if (!request.origin || !cors_origin(request).empty()) return false;
  auto site = *request.origin;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (site.starts_with(scheme)) return !same_token(site.substr(scheme.size()), request.host);
  }
  return true;
}

void HttpPlanner::plan(const HttpRequest& request, HttpTurn& turn, HttpErrand& errand, bool waited) {
  Work work{.request = request, .turn = turn, .errand = errand, .waited = waited};
  work.match = match_route(request.target);
  work.shape = shape_of(request);
  if (!asks_of_counters(work.match.route)) ++context_.requests_beside;
  plan_route(work);
}

void HttpPlanner::plan_refusal(HttpTurn& turn, const Problem& problem) {
  HttpPending& pending = turn.pending.emplace_back();
  pending.shape.close = true;
  pending.begin = turn.prepared.size();
  writer_.problem(turn.prepared, pending.shape, problem);
  pending.end = turn.prepared.size();
}

void HttpPlanner::plan_route(Work& work) {
  const HttpRequest& request = work.request;
  const auto route = work.match.route;
  if (request.method == HttpMethod::kOptions) return plan_options(work);
  if (route == HttpRoute::kNone) {
    refuse(work, Code::kNotFound, "there is nothing at this address");
    return;
  }
  if (!allows(route, request.method)) {
    Problem problem;
    problem.status = 405;
    problem.detail = "the method is not allowed at this address";
    refuse(work, problem, std::string("Allow: ").append(allowed_methods(route)).append("\r\n"));
    return;
  }
  if (context_.keys != nullptr && !context_.keys->empty() && !authorized(work)) return;
  if (request.content_encoding) {
    Problem problem;
    problem.status = 415;
    problem.detail = "a body with Content-Encoding is not taken";
    refuse(work, problem);
    return;
  }
  if (route != HttpRoute::kView && changes_something(request.method) && comes_from_elsewhere(request)) {
    Problem problem;
    problem.status = 403;
    problem.detail = "the page's origin is not among http.cors_origins";
    refuse(work, problem);
    return;
  }
  if (needs_engine(route) && context_.service.state() != EngineState::kServing) {
    refuse(work, Code::kBusy, not_serving_text(context_.service.state()));
    return;
  }
  if (needs_engine(route) && !context_.service.no_counters().empty()) {
    Problem problem;
    problem.status = 421;
    problem.detail = context_.service.no_counters();
    refuse(work, problem);
    return;
  }
  switch (route) {
    case HttpRoute::kView:
      return plan_view(work);
    case HttpRoute::kEvents:
      return plan_events(work);
    case HttpRoute::kCounter:
      if (request.method == HttpMethod::kPost) return plan_add(work);
      return request.method == HttpMethod::kDelete ? plan_reset(work) : plan_value(work);
    case HttpRoute::kCounters:
      return plan_values(work);
    case HttpRoute::kTop:
      return plan_top(work);
    case HttpRoute::kNamespace:
      return request.method == HttpMethod::kPut ? plan_put_namespace(work) : plan_namespace(work);
    case HttpRoute::kSource:
      return plan_source(work);
    case HttpRoute::kStats:
      return plan_stats(work);
    default:
      return plan_fixed(work);
  }
}

void HttpPlanner::plan_options(Work& work) {
  const bool everywhere = work.request.target == "*";
  if (!everywhere && work.match.route == HttpRoute::kNone) {
    refuse(work, Code::kNotFound, "there is nothing at this address");
    return;
  }
  const char* const allow = everywhere ? "GET, HEAD, POST, PUT, DELETE, OPTIONS" : allowed_methods(work.match.route);
  auto fields = std::string("Allow: ").append(allow).append("\r\n");
  if (!work.shape.cors_origin.empty()) {
    fields.append("Access-Control-Allow-Methods: ").append(allow).append("\r\n");
    fields +=
        "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, If-None-Match, Quipu-Source, "
        "Quipu-Sequence\r\n"
        "Access-Control-Max-Age: 600\r\n";
  }
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.shape = work.shape;
  pending.begin = work.turn.prepared.size();
  writer_.reply(work.turn.prepared, work.shape, 204, "", fields, "");
  pending.end = work.turn.prepared.size();
}

void HttpPlanner::plan_fixed(Work& work) {
  if (!read_query_of(work, {})) return;
  switch (work.match.route) {
    case HttpRoute::kRoot:
    case HttpRoute::kPage:
      return plan_page(work);
    case HttpRoute::kArchitecture:
      return prepare(work, 200, HttpReplyWriter::kJson, context_.architecture);
    case HttpRoute::kModel:
      return prepare(work, 200, HttpReplyWriter::kText, architecture_text());
    case HttpRoute::kLivez:
      return prepare(work, 200, HttpReplyWriter::kJson, R"({"live":true})");
    case HttpRoute::kReadyz:
    case HttpRoute::kHealthz:
      return plan_readiness(work);
    case HttpRoute::kMetrics:
      return prepare(work, 200, "text/plain; version=0.0.4; charset=utf-8", context_.metrics ? context_.metrics() : "");
    case HttpRoute::kOpenapi:
      return prepare(work, 200, HttpReplyWriter::kJson, openapi_text());
    case HttpRoute::kNamespaces:
      return plan_namespaces(work);
    default:
      refuse(work, Code::kNotFound, "there is nothing at this address");
  }
}

void HttpPlanner::plan_readiness(Work& work) {
  const auto state = context_.service.state();
  std::string body;
  JsonObject json(body);
  const bool ready = state == EngineState::kServing;
  if (!ready) {
    json.text("type", "about:blank").text("title", http_reason(503)).number("status", 503);
    json.text("detail", not_serving_text(state)).text("outcome", "busy");
  }
  json.boolean("ready", ready).text("state", state_name(state)).text("version", context_.version);
  if (state == EngineState::kRecovering) {
    const auto stats = context_.service.stats();
    json.count("replayed_frames", stats.replayed_frames).count("replay_frames_left", stats.replay_frames_left);
  }
  json.end();
  if (ready) return prepare(work, 200, HttpReplyWriter::kJson, body);
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.shape = work.shape;
  pending.begin = work.turn.prepared.size();
  writer_.reply(work.turn.prepared, work.shape, 503, "application/problem+json", "Retry-After: 1\r\n", body);
  pending.end = work.turn.prepared.size();
}

void HttpPlanner::plan_namespaces(Work& work) {
  const NamespaceRegistry& spaces = context_.service.namespaces();
  std::string body = R"({"namespaces":[)";
  for (std::uint32_t i = 0; i < spaces.size(); ++i) {
    if (i > 0) body += ',';
    append_namespace(body, spaces.name(NamespaceId{i}), spaces.policy(NamespaceId{i}), std::nullopt);
  }
  prepare(work, 200, HttpReplyWriter::kJson, body.append("]}"));
}

void HttpPlanner::plan_put_namespace(Work& work) {
  std::string_view name;
  if (!read_query_of(work, {}) || !decode(work, work.match.first, name)) return;
  if (const auto valid = validate_namespace(name); !valid) {
    refuse(work, valid.error());
    return;
  }
  if (!want_json(work)) return;
  const auto policy = read_policy(work.request.body, work.turn.arena);
  if (!policy) {
    refuse(work, policy.error());
    return;
  }
  work.errand.kind = HttpErrand::Kind::kPutNamespace;
  work.errand.shape = work.shape;
  work.errand.name = std::string(name);
  work.errand.policy = *policy;
}

}  // namespace quipu
