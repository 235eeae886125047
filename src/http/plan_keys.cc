#include <string>

#include "http/plan_work.h"
#include "http/verdict.h"

namespace quipu {
namespace {

constexpr std::string_view kScheme = "Bearer ";

Right right_for(HttpNeed need) {
  switch (need) {
    case HttpNeed::kIngest:
      return Right::kIngest;
    case HttpNeed::kRead:
      return Right::kRead;
    default:
      return Right::kAdmin;
  }
}

}  // namespace

/// The rights of the key in a field Authorization. Only a right key is remembered: each wrong one costs its hash.
std::optional<Rights> HttpPlanner::rights_of(std::string_view field) {
  if (!bearer_.empty() && same_secret(field, bearer_)) return bearer_rights_;
  if (!same_token(field.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  auto key = field.substr(kScheme.size());
  while (key.starts_with(' ')) key.remove_prefix(1);
  const auto rights = context_.keys->rights_of(key);
  if (rights) {
    bearer_ = field;
    bearer_rights_ = *rights;
  }
  return rights;
}

bool HttpPlanner::refuse_key(Work& work) {
  Problem problem;
  problem.status = 401;
  if (!work.request.authorization) {
    problem.detail = "an API key is missing: send Authorization: Bearer KEY";
    return refuse(work, problem, "WWW-Authenticate: Bearer\r\n");
  }
  if (++wrong_keys_ >= context_.limits.auth_failures_max) closing_ = work.shape.close = true;
  problem.detail = "the API key is not known";
  return refuse(work, problem, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
}

bool HttpPlanner::refuse_right(Work& work, Right right) {
  const std::string name = right_name(right);
  const auto detail = "the API key does not have the right " + name;
  Problem problem;
  problem.status = 403;
  problem.detail = detail;
  return refuse(work, problem, "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"" + name + "\"\r\n");
}

/// Whether the request's key allows it; else it has been refused.
bool HttpPlanner::authorized(Work& work) {
  rights_ = Rights();
  const auto need = needed(work.match.route, work.request.method);
  if (need == HttpNeed::kNothing || (work.match.route == HttpRoute::kView && context_.public_view)) return true;
  const auto rights = work.request.authorization ? rights_of(*work.request.authorization) : std::nullopt;
  if (!rights) return refuse_key(work);
  rights_ = *rights;
  return rights->has(right_for(need)) || refuse_right(work, right_for(need));
}

}  // namespace quipu
