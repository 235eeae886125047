#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "http/arena.h"
#include "http/plan_work.h"
#include "ingest/ids.h"
#include "ingest/names.h"

namespace quipu {
namespace {

constexpr std::string_view kViewSpace = "views";

/// Rounds towards the past, so that windows before 1970 are as long as the others.
std::int64_t window_number(TimeMs time, std::int64_t window_ms) {
  const auto number = time / window_ms;
  return time % window_ms < 0 ? number - 1 : number;
}

/// The ids of a batch: its Idempotency-Key, a slash, the event's number from 1. All are written to one place of the
/// arena, for an id is hashed before the next one is made.
class BatchIds {
 public:
  BatchIds(std::string_view key, Arena& arena) : key_bytes_(key.size()), text_(arena.take(key_bytes_ + 1 + kDigits)) {
    std::memcpy(text_, key.data(), key_bytes_);
    text_[key_bytes_] = '/';
  }

  /// The id of event `number`, which holds until the next call; nothing where it is longer than an id can be.
  std::optional<std::string_view> of(std::uint64_t number) {
    char* const digits = text_ + key_bytes_ + 1;
    const auto end = std::to_chars(digits, digits + kDigits, number).ptr;
    const std::string_view id(text_, static_cast<std::size_t>(end - text_));
    if (id.size() > kIdBytesMax) return std::nullopt;
    return id;
  }
  /// Why there is none.
  std::string refusal(std::uint64_t number) const {
    const auto digits = std::to_string(number);
    return "Idempotency-Key has " + std::to_string(key_bytes_) + " bytes, at most " +
           std::to_string(kIdBytesMax - 1 - digits.size()) + " are allowed in a batch with an event " + digits +
           ": its id is the key with /" + digits + " behind it, of at most " + std::to_string(kIdBytesMax) + " bytes";
  }

 private:
  static constexpr std::size_t kDigits = std::numeric_limits<std::uint64_t>::digits10 + 1;

  std::size_t key_bytes_;
  char* text_;
};

}  // namespace

bool HttpPlanner::read_view(Work& work, ViewFields& fields) {
  const HttpRequest& request = work.request;
  const auto is = [&](std::string_view type) {
    return request.content_type && is_media_type(*request.content_type, type);
  };
  Result<void> read;
  if (is("application/json") || (is("text/plain") && request.body.starts_with('{'))) {
    read = read_view_json(request.body, work.turn.arena, fields);
  } else if (is("application/x-www-form-urlencoded")) {
    read = read_view_form(request.body, work.turn.arena, fields);
  } else if (is("text/plain")) {
    if (!request.body.empty()) read = set_view_field(fields, "video_id", request.body);
  } else if (request.content_type || !request.body.empty()) {
    Problem problem;
    problem.status = 415;
    problem.detail = "Content-Type must be application/json, application/x-www-form-urlencoded or text/plain";
    return refuse(work, problem);
  }
  if (!read) return refuse(work, read.error());
  if (!fields.video) return refuse(work, Code::kRefused, "video_id is missing");
  const auto valid = validate_counter(*fields.video);
  if (!valid) return refuse(work, Code::kRefused, "video_id: " + valid.error().what);
  return true;
}

void HttpPlanner::plan_view(Work& work) {
  if (!work.match.query.empty() && !read_query_of(work, {.ack = true, .view = true})) return;
  ViewFields& view = work.query.view;
  if (!read_view(work, view) || !read_headers(work)) return;
  if (work.source) {
    refuse(work, Code::kRefused, "a view has no source; POST /v1/events takes one");
    return;
  }
  NamespaceId space;
  bool memory = false;
  if (!make_space(work, kViewSpace, space) || !choose_ack(work, space, memory)) return;

  Operation operation;
  operation.kind = OperationKind::kAdd;
  operation.space = space;
  operation.counter = *view.video;
  operation.memory_ack = memory;
  AddFields fields;
  fields.id = view.event;
  if (!identify(work, fields, kViewSpace, operation)) return;
  const auto window_ms = context_.service.namespaces().policy(space).viewer_window_ms;
  if (window_ms > 0 && operation.group == GroupKind::kPlain) {
    if (!view.viewer) {
      refuse(work, Code::kRefused, "viewer_id is missing: the namespace counts each viewer once in a window");
      return;
    }
    if (const auto valid = validate_id(*view.viewer, "viewer_id"); !valid) {
      refuse(work, valid.error());
      return;
    }
    operation.time = context_.service.now();  // What the window is made of is what the frame says.
    operation.group = GroupKind::kIds;
    operation.id = viewer_hash(context_.service.secret(), kViewSpace, operation.counter, *view.viewer,
                               window_number(operation.time, window_ms));
  }
  append_operation(work, operation, pend(work, HttpReplyKind::kAdded));
}

void HttpPlanner::plan_add(Work& work) {
  std::string_view counter;
  if (!decode_counter(work, counter)) return;
  if (!work.match.query.empty() && !read_query_of(work, {.ack = true})) return;
  if (!want_json(work) || !read_headers(work)) return;
  AddFields fields;
  if (auto read = read_add(work.request.body, work.turn.arena, fields); !read) {
    refuse(work, read.error());
    return;
  }
  std::string_view name;
  if (!decode(work, work.match.first, name) || !check_space(work, name)) return;
  Operation operation;
  operation.kind = OperationKind::kAdd;
  operation.counter = counter;
  if (!identify(work, fields, name, operation)) return;
  if (!make_space(work, name, operation.space) || !choose_ack(work, operation.space, operation.memory_ack)) return;
  append_operation(work, operation, pend(work, HttpReplyKind::kAdded));
}

void HttpPlanner::plan_reset(Work& work) {
  std::string_view counter;
  NamespaceId space;
  if (!decode_counter(work, counter) || !read_query_of(work, {}) || !find_space(work, space)) return;
  Operation operation;
  operation.kind = OperationKind::kReset;
  operation.condition = SetCondition::kIfPresent;  // A counter that does not exist has nothing to forget.
  operation.space = space;
  operation.counter = counter;
  append_operation(work, operation, pend(work, HttpReplyKind::kReset));
}

bool HttpPlanner::append_event(Work& work, const EventFields& fields, std::vector<NewSpace>& new_spaces) {
  if (const auto valid = validate_counter(fields.counter); !valid) return refuse(work, valid.error());
  Operation operation;
  operation.kind = OperationKind::kAdd;
  operation.counter = fields.counter;
  if (const auto found = context_.service.namespaces().find(fields.space)) {
    operation.space = *found;
    if (!choose_ack(work, *found, operation.memory_ack)) return false;
  } else {
    if (!check_space(work, fields.space)) return false;
    operation.memory_ack = work.query.ack == AckWish::kMemory;  // The default policy allows it.
    new_spaces.push_back({work.turn.batch.operations.size(), fields.space});
  }
  if (!identify(work, fields.add, fields.space, operation)) return false;
  work.turn.batch.operations.push_back(operation);
  work.turn.places.push_back(work.place);
  return true;
}

bool HttpPlanner::read_events(Work& work, EventReader& reader, std::vector<NewSpace>& new_spaces) {
  std::optional<BatchIds> ids;
  if (work.id) ids.emplace(*work.id, work.turn.arena);
  const auto first_sequence = work.sequence;
  EventFields fields;
  for (std::uint64_t number = 0;; ++number) {
    const auto more = reader.next(fields);
    work.place = reader.place();
    if (!more) return refuse(work, more.error());
    if (!*more) {
      work.place = 0;
      return number > 0 || refuse(work, Code::kRefused, "the batch has no event");
    }
    if (number == context_.limits.batch_events_max) {
      return refuse(work, Code::kTooLarge, "the batch has more events than limits.batch_events");
    }
    if (ids) {
      work.id = ids->of(number + 1);
      if (!work.id) {
        work.place = 0;  // What is wrong is the header field.
        return refuse(work, Code::kRefused, ids->refusal(number + 1));
      }
    }
    if (work.source) {
      work.sequence = first_sequence + number;
      if (work.sequence > kSequenceMax) {
        return refuse(work, Code::kRefused, "the sequence of the last event is above 2^63 - 1");
      }
    }
    if (!append_event(work, fields, new_spaces)) return false;
  }
}

void HttpPlanner::plan_events(Work& work) {
  if (!read_query_of(work, {.ack = true})) return;
  const auto& type = work.request.content_type;
  const bool lines = type && is_media_type(*type, "application/x-ndjson");
  if (!lines && !(type && is_media_type(*type, "application/json"))) {
    Problem problem;
    problem.status = 415;
    problem.detail = "Content-Type must be application/x-ndjson or, for an array, application/json";
    refuse(work, problem);
    return;
  }
  if (!read_headers(work)) return;
  auto& operations = work.turn.batch.operations;
  const auto begin = operations.size();
  work.place_name = lines ? "line" : "item";
  EventReader reader(work.request.body, lines ? EventReader::Form::kLines : EventReader::Form::kArray, work.turn.arena);
  std::vector<NewSpace> new_spaces;
  bool sound = read_events(work, reader, new_spaces);
  // Only now, so that a batch that is refused makes no namespace.
  for (std::size_t i = 0; sound && i < new_spaces.size(); ++i) {
    sound = make_space(work, new_spaces[i].name, operations[new_spaces[i].operation].space);
  }
  if (!sound) {
    operations.resize(begin);
    work.turn.places.resize(begin);
    return;
  }
  HttpPending& pending = pend(work, HttpReplyKind::kEvents);
  pending.begin = begin;
  pending.end = operations.size();
  pending.place_name = work.place_name;
  operations[begin].together = static_cast<std::uint32_t>(operations.size() - begin);
}

}  // namespace quipu
