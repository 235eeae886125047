#include "http/problem.h"

#include <algorithm>

#include "http/json_object.h"
#include "http/verdict.h"
#include "net/outcome_table.h"

namespace quipu {
namespace {

/// When nobody can say how long it takes.
constexpr std::int64_t kRetryMs = 1'000;

}  // namespace

Problem problem_of(Code code, std::string_view detail, std::int64_t retry_after_ms) {
  const OutcomeWords& words = outcome_words(code);
  Problem problem;
  problem.status = words.http_status;
  problem.outcome = words.outcome;
  problem.detail = detail;
  if (std::string_view(words.outcome) == "busy")
    problem.retry_after_ms = retry_after_ms > 0 ? retry_after_ms : kRetryMs;
  return problem;
}

void append_problem(std::string& out, const Problem& problem) {
  JsonObject json(out);
  json.text("type", "about:blank").text("title", http_reason(problem.status)).number("status", problem.status);
  json.text("detail", problem.detail).text("outcome", problem.outcome);
  if (problem.retry_after_ms > 0) json.number("retry_after_ms", problem.retry_after_ms);
  if (problem.place > 0) json.number(problem.place_name, problem.place);
  json.end();
}

std::int64_t retry_after_seconds(std::int64_t retry_after_ms) {
  return std::max<std::int64_t>(1, retry_after_ms / 1'000 + (retry_after_ms % 1'000 > 0 ? 1 : 0));
}

}  // namespace quipu
