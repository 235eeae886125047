#include "http/bodies.h"

#include <algorithm>
#include <string>

#include "http/url.h"
#include "http/verdict.h"

namespace quipu {
namespace {

constexpr std::size_t kNameShownMax = 64;

std::unexpected<Error> about_field(const char* before, std::string_view name, const char* behind) {
  return failure(Code::kRefused, std::string(before).append(name.substr(0, kNameShownMax)).append(behind));
}
std::unexpected<Error> unknown_field(std::string_view name) { return about_field("the field ", name, " is not known"); }
std::unexpected<Error> twice(std::string_view name) { return about_field("the field ", name, " stands twice"); }

std::unexpected<Error> bad_value(std::string_view name, const JsonReader& json) {
  return about_field("the field ", name, std::string(": ").append(json.error()).c_str());
}

std::unexpected<Error> bad_json(const JsonReader& json) { return failure(Code::kRefused, json.error()); }

/// Which fields of a few were there already.
class Seen {
 public:
  /// False where `field` was there before.
  bool first(unsigned field) {
    const auto bit = 1U << field;
    const bool fresh = (bits_ & bit) == 0;
    bits_ |= bit;
    return fresh;
  }
  bool has(unsigned field) const { return (bits_ & (1U << field)) != 0; }

 private:
  unsigned bits_ = 0;
};

enum EventField : unsigned { kSpace, kCounter, kDelta, kId, kTime };

/// The fields of an event; `whole` where it also names its counter.
Result<void> read_event(JsonReader& json, EventFields& fields, bool whole) {
  Seen seen;
  std::string_view name;
  for (json.begin_object(); json.next_field(name);) {
    bool read = false;
    unsigned field = kDelta;
    if (name == "delta") {
      field = kDelta;
      read = json.read(fields.add.delta);
    } else if (name == "id") {
      field = kId;
      read = json.read(fields.add.id.emplace());
    } else if (name == "time") {
      field = kTime;
      read = json.read(fields.add.time.emplace());
    } else if (whole && name == "counter") {
      field = kCounter;
      read = json.read(fields.counter);
    } else if (whole && name == "namespace") {
      field = kSpace;
      read = json.read(fields.space);
    } else {
      return unknown_field(name);
    }
    if (!read) return bad_value(name, json);
    if (!seen.first(field)) return twice(name);
  }
  if (json.error() != nullptr) return bad_json(json);
  if (whole && !seen.has(kCounter)) return failure(Code::kRefused, "the field counter is missing");
  return {};
}

bool is_blank(std::string_view line) {
  return std::ranges::all_of(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
}

}  // namespace

Result<void> set_view_field(ViewFields& fields, std::string_view name, std::string_view value) {
  std::optional<std::string_view>* place = nullptr;
  if (name == "video_id") place = &fields.video;
  if (name == "viewer_id") place = &fields.viewer;
  if (name == "event_id") place = &fields.event;
  if (place == nullptr) return unknown_field(name);
  if (*place) return twice(name);
  *place = value;
  return {};
}

Result<void> read_view_json(std::string_view body, Arena& arena, ViewFields& fields) {
  JsonReader json(body, arena);
  std::string_view name;
  for (json.begin_object(); json.next_field(name);) {
    std::string_view value;
    if (name != "video_id" && name != "viewer_id" && name != "event_id") return unknown_field(name);
    if (!json.read(value)) return bad_value(name, json);
    if (auto set = set_view_field(fields, name, value); !set) return set;
  }
  if (!json.finish()) return bad_json(json);
  return {};
}

Result<void> read_view_form(std::string_view body, Arena& arena, ViewFields& fields) {
  FormPairs pairs(body, arena);
  while (true) {
    const auto pair = pairs.next();
    if (!pair) return std::unexpected(pair.error());
    if (!*pair) return {};
    if (auto set = set_view_field(fields, (*pair)->name, (*pair)->value); !set) {
      if ((*pair)->name.starts_with('{')) {
        return failure(Code::kRefused, "the body is JSON, but Content-Type says that it is a form");
      }
      return set;
    }
  }
}

Result<void> read_add(std::string_view body, Arena& arena, AddFields& fields) {
  if (body.empty()) return {};
  JsonReader json(body, arena);
  EventFields event;
  if (auto read = read_event(json, event, false); !read) return read;
  if (!json.finish()) return bad_json(json);
  fields = event.add;
  return {};
}

EventReader::EventReader(std::string_view body, Form form, Arena& arena)
    : rest_(body), form_(form), arena_(arena), array_(body, arena) {}

Result<bool> EventReader::next(EventFields& fields) {
  fields = EventFields{};
  return form_ == Form::kLines ? next_line(fields) : next_item(fields);
}

Result<bool> EventReader::next_line(EventFields& fields) {
  while (!rest_.empty()) {
    const auto end = std::min(rest_.find('\n'), rest_.size());
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++place_;
    if (is_blank(line)) continue;
    JsonReader json(line, arena_);
    if (auto read = read_event(json, fields, true); !read) return std::unexpected(read.error());
    if (!json.finish()) return bad_json(json);
    return true;
  }
  return false;
}

Result<bool> EventReader::next_item(EventFields& fields) {
  if (!begun_) {
    begun_ = true;
    array_.begin_array();
  }
  if (!array_.next_item()) {
    if (!array_.finish()) return bad_json(array_);
    return false;
  }
  ++place_;
  if (auto read = read_event(array_, fields, true); !read) return std::unexpected(read.error());
  return true;
}

Result<NamespacePolicy> read_policy(std::string_view body, Arena& arena) {
  enum Field : unsigned { kAck, kMemory, kWindow, kPromise };
  NamespacePolicy policy;
  JsonReader json(body, arena);
  Seen seen;
  std::string_view name;
  for (json.begin_object(); json.next_field(name);) {
    bool read = false;
    unsigned field = kAck;
    std::string_view ack;
    if (name == "ack") {
      read = json.read(ack);
      if (read && ack != "durable" && ack != "memory") {
        return failure(Code::kRefused, "the field ack is \"durable\" or \"memory\"");
      }
      policy.ack = ack == "memory" ? AckMode::kMemory : AckMode::kDurable;
    } else if (name == "memory_allowed") {
      field = kMemory;
      read = json.read(policy.memory_allowed);
    } else if (name == "viewer_window_ms") {
      field = kWindow;
      read = json.read(policy.viewer_window_ms);
    } else if (name == "id_promise_ms") {
      field = kPromise;
      read = json.read(policy.id_promise_ms);
    } else {
      return unknown_field(name);
    }
    if (!read) return bad_value(name, json);
    if (!seen.first(field)) return twice(name);
  }
  if (!json.finish()) return bad_json(json);
  if (policy.viewer_window_ms < 0 || policy.id_promise_ms < 0) {
    return failure(Code::kRefused, "viewer_window_ms and id_promise_ms are not below 0");
  }
  if (policy.ack == AckMode::kMemory && !policy.memory_allowed) {
    return failure(Code::kRefused, "ack is memory, but memory_allowed is false");
  }
  return policy;
}

bool is_media_type(std::string_view content_type, std::string_view type) {
  auto name = content_type.substr(0, std::min(content_type.find(';'), content_type.size()));
  while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
  return same_token(name, type);
}

}  // namespace quipu
