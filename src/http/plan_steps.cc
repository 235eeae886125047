#include <charconv>
#include <string>

#include "http/plan_work.h"
#include "http/url.h"
#include "ingest/ids.h"
#include "ingest/names.h"

namespace quipu {
namespace {

/// An id as a header field gives it: bare, or in quotes without anything escaped in them.
std::optional<std::string_view> unquoted(std::string_view text) {
  if (!text.starts_with('"')) return text;
  if (text.size() < 2 || !text.ends_with('"')) return std::nullopt;
  const auto inside = text.substr(1, text.size() - 2);
  if (inside.find_first_of("\"\\") != std::string_view::npos) return std::nullopt;
  return inside;
}

}  // namespace

bool HttpPlanner::refuse(Work& work, Problem problem, std::string_view fields) {
  problem.place_name = work.place_name;
  problem.place = work.place;
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.shape = work.shape;
  pending.begin = work.turn.prepared.size();
  writer_.problem(work.turn.prepared, work.shape, problem, fields);
  pending.end = work.turn.prepared.size();
  return false;
}

bool HttpPlanner::refuse(Work& work, const Error& error) {
  return refuse(work, problem_of(error.code, error.what, error.retry_after_ms));
}

bool HttpPlanner::refuse(Work& work, Code code, std::string_view detail) {
  return refuse(work, problem_of(code, detail));
}

void HttpPlanner::prepare(Work& work, int status, std::string_view content_type, std::string_view body) {
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.shape = work.shape;
  pending.begin = work.turn.prepared.size();
  writer_.reply(work.turn.prepared, work.shape, status, content_type, "", body);
  pending.end = work.turn.prepared.size();
}

/// Answers with what is made of the operations that the caller appends next.
HttpPending& HttpPlanner::pend(Work& work, HttpReplyKind kind) {
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.kind = kind;
  pending.shape = work.shape;
  pending.begin = pending.end = work.turn.batch.operations.size();
  return pending;
}

void HttpPlanner::append_operation(Work& work, const Operation& operation, HttpPending& pending) {
  work.turn.batch.operations.push_back(operation);
  work.turn.places.push_back(0);
  ++pending.end;
}

bool HttpPlanner::read_query_of(Work& work, const HttpQueryNames& names) {
  auto read = read_query(work.match.query, names, work.turn.arena, work.query);
  return read ? true : refuse(work, read.error());
}

bool HttpPlanner::decode(Work& work, std::string_view segment, std::string_view& out) {
  const auto decoded = percent_decode(segment, PlusSign::kIsPlus, work.turn.arena);
  if (!decoded) return refuse(work, Code::kRefused, "a % in the path is not followed by two hex digits");
  out = *decoded;
  return true;
}

bool HttpPlanner::decode_counter(Work& work, std::string_view& counter) {
  if (!decode(work, work.match.second, counter)) return false;
  const auto valid = validate_counter(counter);
  return valid ? true : refuse(work, valid.error());
}

/// Whether it is a namespace, or can become one.
bool HttpPlanner::check_space(Work& work, std::string_view name) {
  if (context_.service.namespaces().find(name)) return true;
  const auto valid = validate_namespace(name);
  return valid ? true : refuse(work, valid.error());
}

bool HttpPlanner::find_space(Work& work, NamespaceId& space) {
  std::string_view name;
  if (!decode(work, work.match.first, name)) return false;
  if (const auto found = context_.service.namespaces().find(name)) {
    space = *found;
    return true;
  }
  if (const auto valid = validate_namespace(name); !valid) return refuse(work, valid.error());
  return refuse(work, Code::kNotFound, "the namespace does not exist");
}

bool HttpPlanner::make_space(Work& work, std::string_view name, NamespaceId& space) {
  const auto made = context_.service.namespaces().find_or_create(name);
  if (made) {
    space = *made;
    return true;
  }
  auto problem = problem_of(made.error().code, made.error().what);
  if (made.error().code == Code::kTooLarge) problem.status = 400;  // It is not this request's body that is too large.
  return refuse(work, problem);
}

bool HttpPlanner::choose_ack(Work& work, NamespaceId space, bool& memory) {
  const NamespacePolicy& policy = context_.service.namespaces().policy(space);
  const bool wanted =
      work.query.ack == AckWish::kPolicy ? policy.ack == AckMode::kMemory : work.query.ack == AckWish::kMemory;
  if (wanted && !policy.memory_allowed) {
    return refuse(work, Code::kRefused, "the namespace does not allow ack=memory");
  }
  memory = wanted;
  return true;
}

bool HttpPlanner::want_json(Work& work) {
  if (!work.request.content_type && work.request.body.empty()) return true;
  if (work.request.content_type && is_media_type(*work.request.content_type, "application/json")) return true;
  Problem problem;
  problem.status = 415;
  problem.detail = "Content-Type must be application/json";
  return refuse(work, problem);
}

/// What the header fields say about the identity of events.
bool HttpPlanner::read_headers(Work& work) {
  const HttpRequest& request = work.request;
  if (request.idempotency_key) {
    work.id = unquoted(*request.idempotency_key);
    if (!work.id) return refuse(work, Code::kRefused, "Idempotency-Key is not one quoted string");
    if (const auto valid = validate_id(*work.id, "Idempotency-Key"); !valid) return refuse(work, valid.error());
  }
  if (request.source.has_value() != request.sequence.has_value()) {
    return refuse(work, Code::kRefused, "Quipu-Source and Quipu-Sequence stand together or not at all");
  }
  if (!request.source) return true;
  if (const auto valid = validate_id(*request.source, "Quipu-Source"); !valid) return refuse(work, valid.error());
  if (work.id) return refuse(work, Code::kRefused, "an event has an id or a source, not both");
  const auto text = *request.sequence;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), work.sequence);
  if (error != std::errc{} || end != text.data() + text.size() || work.sequence == 0 || work.sequence > kSequenceMax) {
    return refuse(work, Code::kRefused, "Quipu-Sequence is not a number from 1 to 2^63 - 1");
  }
  work.source = request.source;
  return true;
}

/// Fills what tells the event from its repeats, from its id or the request's header fields, and its time.
bool HttpPlanner::identify(Work& work, const AddFields& fields, std::string_view space, Operation& operation) {
  if (fields.time) {
    if (*fields.time < 1) return refuse(work, Code::kRefused, "the field time is not above 0");
    if (*fields.time > context_.service.now() + context_.future_ms_max) {
      return refuse(work, Code::kRefused, "the field time is further ahead of the clock than limits.future");
    }
    operation.time = *fields.time;
  }
  if (fields.delta < 0 && !rights_.has(Right::kAdmin)) return refuse_right(work, Right::kAdmin);
  operation.delta = fields.delta;
  const HashSecret& secret = context_.service.secret();
  if (work.source) {
    if (fields.id) return refuse(work, Code::kRefused, "an event has an id or a source, not both");
    operation.group = GroupKind::kSource;
    operation.source = source_hash(secret, space, *work.source);
    operation.sequence = work.sequence;
    return true;
  }
  const auto& id = fields.id ? fields.id : work.id;
  if (!id) return true;
  if (const auto valid = validate_id(*id, "id"); !valid) return refuse(work, valid.error());
  if (work.id && *id != *work.id) return refuse(work, Code::kRefused, "the field id is not what Idempotency-Key says");
  operation.group = GroupKind::kIds;
  operation.id = id_hash(secret, space, operation.counter, *id);
  operation.id.body = body_hash(fields.delta, fields.time.value_or(0));
  return true;
}

}  // namespace quipu
