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

/// What was taken is what another reader of JSON finds there.
void check_event(const EventFields& fields, const Json& json) {
  require(json.is_object(), "an event is an object");
  require(json.value("namespace", "default") == fields.space, "the namespace is the same");
  require(json.value("counter", "") == fields.counter, "the counter is the same");
  require(json.value("delta", std::int64_t{1}) == fields.add.delta, "the delta is the same");
  require(json.contains("id") == fields.add.id.has_value(), "there is an id or none");
  require(!fields.add.id || json["id"] == *fields.add.id, "the id is the same");
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
}

/// The other bodies: nothing but what holds of each.
void check_others(std::string_view body) {
  Arena arena;
  ViewFields view;
  if (read_view_json(body, arena, view)) {
    const auto json = second_opinion(body);
    require(json && json->is_object(), "a view is an object");
    require(!view.video || (*json)["video_id"] == *view.video, "the video is the same");
  }
  AddFields add;
  if (read_add(body, arena, add) && !body.empty()) require(second_opinion(body).has_value(), "an add is JSON");
  if (read_policy(body, arena)) require(second_opinion(body).has_value(), "a policy is JSON");
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
