#include <algorithm>
#include <string>

#include "http/plan_work.h"
#include "ingest/ids.h"
#include "ingest/names.h"

namespace quipu {
namespace {

constexpr std::int64_t kAfterWaitMs = 5'000;
constexpr std::size_t kTopLimit = 10;

}  // namespace

/// Whether the read names a position that is not reached yet: then it runs alone, later.
bool HttpPlanner::must_wait(Work& work) {
  const HttpQuery& query = work.query;
  const auto timeout_ms = query.timeout_ms.value_or(std::min(kAfterWaitMs, context_.limits.after_wait_ms_max));
  if (timeout_ms > context_.limits.after_wait_ms_max) {
    return !refuse(work, Code::kRefused, "the parameter timeout is above limits.after_wait");
  }
  if (query.after.empty()) return false;
  const auto reach = context_.service.reach(query.after);
  if (!reach) return !refuse(work, reach.error());
  if (!reach->reached) {
    if (work.waited) return !refuse(work, Code::kTimeout, "the position was not reached in time");
    work.errand.kind = HttpErrand::Kind::kWait;
    work.errand.shape = work.shape;
    work.errand.after = query.after;
    work.errand.timeout_ms = timeout_ms;
    return true;
  }
  work.turn.hold_at = std::max(work.turn.hold_at, reach->hold_at);
  return false;
}

void HttpPlanner::plan_value(Work& work) {
  std::string_view counter;
  NamespaceId space;
  if (!decode_counter(work, counter) || !read_query_of(work, {.after = true, .shards = true})) return;
  if (!find_space(work, space) || must_wait(work)) return;
  Operation operation;
  operation.space = space;
  operation.counter = counter;
  operation.fresh = !work.query.after.empty();
  HttpPending& pending = pend(work, HttpReplyKind::kValue);
  pending.space = space;
  pending.shards = work.query.shards;
  pending.if_none_match = work.request.if_none_match.value_or("");
  append_operation(work, operation, pending);
}

void HttpPlanner::plan_values(Work& work) {
  NamespaceId space;
  if (!read_query_of(work, {.after = true, .counters = true})) return;
  const auto& counters = work.query.counters;
  if (counters.empty()) {
    refuse(work, Code::kRefused, "name at least one counter: ?counter=a&counter=b");
    return;
  }
  if (counters.size() > context_.limits.counters_per_read_max) {
    refuse(work, Code::kRefused, "more counters are named than limits.counters_per_read");
    return;
  }
  for (const auto counter : counters) {
    if (const auto valid = validate_counter(counter); !valid) {
      refuse(work, valid.error());
      return;
    }
  }
  if (!find_space(work, space) || must_wait(work)) return;
  HttpPending& pending = pend(work, HttpReplyKind::kValues);
  pending.space = space;
  for (const auto counter : counters) {
    Operation operation;
    operation.space = space;
    operation.counter = counter;
    operation.fresh = !work.query.after.empty();
    append_operation(work, operation, pending);
  }
}

void HttpPlanner::plan_top(Work& work) {
  NamespaceId space;
  if (!read_query_of(work, {.limit = true})) return;
  const auto limit = work.query.limit.value_or(kTopLimit);
  if (limit > context_.limits.counters_per_read_max) {
    refuse(work, Code::kRefused, "the parameter limit is above limits.counters_per_read");
    return;
  }
  if (!find_space(work, space)) return;
  work.errand.kind = HttpErrand::Kind::kTop;
  work.errand.shape = work.shape;
  work.errand.space = space;
  work.errand.limit = limit;
}

void HttpPlanner::plan_source(Work& work) {
  NamespaceId space;
  std::string_view source;
  if (!read_query_of(work, {}) || !decode(work, work.match.second, source)) return;
  if (const auto valid = validate_id(source, "source"); !valid) {
    refuse(work, valid.error());
    return;
  }
  if (!find_space(work, space)) return;
  HttpPending& pending = pend(work, HttpReplyKind::kSource);
  pending.space = space;
  pending.name = source;
  pending.source = source_hash(context_.service.secret(), context_.service.namespaces().name(space), source);
}

void HttpPlanner::plan_namespace(Work& work) {
  NamespaceId space;
  if (!read_query_of(work, {}) || !find_space(work, space)) return;
  pend(work, HttpReplyKind::kNamespace).space = space;
}

void HttpPlanner::plan_stats(Work& work) {
  if (!read_query_of(work, {})) return;
  pend(work, HttpReplyKind::kStats);
}

}  // namespace quipu
