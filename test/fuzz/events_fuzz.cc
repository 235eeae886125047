#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "http/bodies.h"
#include "http/json_text.h"

namespace quipu::fuzz {
namespace {

using Json = nlohmann::json;

std::optional<Json> second_opinion(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

/// The text or the integer that another reader of JSON finds in a field; nothing where the field is not there.
std::optional<std::string> text_of(const Json& json, const char* name) {
  const auto field = json.find(name);
  if (field == json.end()) return std::nullopt;
  require(field->is_string(), "what was taken for a text is one");
  return field->get<std::string>();
}
std::optional<std::int64_t> integer_of(const Json& json, const char* name) {
  const auto field = json.find(name);
  if (field == json.end()) return std::nullopt;
  require(field->is_number_integer(), "what was taken for an integer is one");
  return field->get<std::int64_t>();
}

/// What was taken is what another reader of JSON finds there.
void check_add(const AddFields& fields, const Json& json) {
  require(json.is_object(), "an add is an object");
  require(integer_of(json, "delta").value_or(1) == fields.delta, "the delta is the same");
  require(text_of(json, "id") == fields.id, "the id is the same, or there is none");
  require(integer_of(json, "time") == fields.time, "the time is the same, or there is none");
}

void check_event(const EventFields& fields, const Json& json) {
  check_add(fields.add, json);
  require(text_of(json, "namespace").value_or("default") == fields.space, "the namespace is the same");
  require(text_of(json, "counter") == fields.counter, "the counter is the same");
}

void check_policy(const NamespacePolicy& policy, const Json& json) {
  require(json.is_object(), "a policy is an object");
  const auto ack = policy.ack == AckMode::kMemory ? "memory" : "durable";
  require(text_of(json, "ack").value_or("durable") == ack, "the ack is the same");
  const auto allowed = json.find("memory_allowed");
  require(allowed == json.end() ? policy.memory_allowed : *allowed == policy.memory_allowed,
          "whether memory is allowed is the same");
  require(integer_of(json, "viewer_window_ms").value_or(0) == policy.viewer_window_ms, "the window is the same");
  require(integer_of(json, "id_promise_ms").value_or(0) == policy.id_promise_ms, "the promise is the same");
}

/// The events up to the first that is refused.
std::vector<EventFields> events_of(std::string_view body, EventReader::Form form, Arena& arena, bool& sound) {
  EventReader reader(body, form, arena);
  std::vector<EventFields> events;
  while (true) {
    EventFields fields;
    const auto more = reader.next(fields);
    sound = more.has_value();
    if (!sound) require(!more.error().what.empty(), "a refusal has a reason");
    if (!sound || !*more) return events;
    events.push_back(fields);
    require(events.size() <= body.size(), "an event takes bytes");
  }
}

void check_lines(std::string_view body) {
  Arena arena;
  bool sound = false;
  const auto events = events_of(body, EventReader::Form::kLines, arena, sound);
  std::size_t at = 0;
  for (auto rest = body; at < events.size();) {
    require(!rest.empty(), "an event has its line");
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto json = second_opinion(line);
    require(json.has_value(), "what was taken is JSON");
    check_event(events[at++], *json);
  }
}

void check_array(std::string_view body) {
  Arena arena;
  bool sound = false;
  const auto events = events_of(body, EventReader::Form::kArray, arena, sound);
  if (!sound) return;
  const auto json = second_opinion(body);
  require(json && json->is_array() && json->size() == events.size(), "what was taken is an array of as many");
  for (std::size_t at = 0; at < events.size(); ++at) check_event(events[at], (*json)[at]);
}

/// An add and a policy that were written are read, and as they were.
void check_written(std::string_view id, std::int64_t number) {
  Arena arena;
  std::string body = R"({"id":)";
  append_json_string(body, id);
  append_json_number(body.append(R"(,"delta":)"), number);
  append_json_number(body.append(R"(,"time":)"), ~number);
  body += "}";
  AddFields add;
  require(read_add(body, arena, add).has_value(), "an add that was written is read");
  require(add.id == id && add.delta == number && add.time == ~number, "as it was written");

  NamespacePolicy written;
  written.memory_allowed = number % 4 != 0;
  written.ack = number % 2 != 0 ? AckMode::kMemory : AckMode::kDurable;
  written.viewer_window_ms = std::max(number, ~number);
  written.id_promise_ms = written.viewer_window_ms / 2;
  std::string text = R"({"ack":)";
  text += written.ack == AckMode::kMemory ? R"("memory")" : R"("durable")";
  text += written.memory_allowed ? R"(,"memory_allowed":true)" : R"(,"memory_allowed":false)";
  append_json_number(text.append(R"(,"viewer_window_ms":)"), written.viewer_window_ms);
  append_json_number(text.append(R"(,"id_promise_ms":)"), written.id_promise_ms);
  text += "}";
  const auto policy = read_policy(text, arena);
  require(policy && *policy == written, "a policy that was written is read as it was written");
}

/// Any text that is UTF-8 comes back as it was written.
void check_text(std::string_view text) {
  if (!is_utf8(text)) return;
  std::string body = "{\"counter\":";
  append_json_string(body, text);
  body += "}";
  Arena arena;
  bool sound = false;
  const auto events = events_of(body, EventReader::Form::kLines, arena, sound);
  require(sound && events.size() == 1, "a text that was written is read");
  require(events[0].counter == text, "as it was written");
  check_written(text, Input(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()).number<std::int64_t>());
}

/// The other bodies: what was taken is what another reader finds there.
void check_others(std::string_view body) {
  Arena arena;
  ViewFields view;
  if (read_view_json(body, arena, view)) {
    const auto json = second_opinion(body);
    require(json && json->is_object(), "a view is an object");
    require(text_of(*json, "video_id") == view.video, "the video is the same, or there is none");
    require(text_of(*json, "viewer_id") == view.viewer, "the viewer is the same, or there is none");
    require(text_of(*json, "event_id") == view.event, "the event's id is the same, or there is none");
  }
  AddFields add;
  if (read_add(body, arena, add)) {
    const auto json = body.empty() ? std::optional(Json::object()) : second_opinion(body);  // Nothing means one.
    require(json.has_value(), "an add is JSON");
    check_add(add, *json);
  }
  if (const auto policy = read_policy(body, arena)) {
    const auto json = second_opinion(body);
    require(json.has_value(), "a policy is JSON");
    check_policy(*policy, *json);
  }
  ViewFields form;
  const auto read = read_view_form(body, arena, form);
  require(read || !read.error().what.empty(), "a refusal has a reason");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  Input input(data, size);
  switch (input.number<std::uint8_t>() % 4) {
    case 0:
      check_lines(input.rest());
      break;
    case 1:
      check_array(input.rest());
      break;
    case 2:
      check_text(input.rest());
      break;
    default:
      check_others(input.rest());
  }
  return 0;
}
