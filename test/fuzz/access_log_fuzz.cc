#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "http/json_text.h"
#include "import/access_log_line.h"
#include "import/json_log_line.h"

namespace quipu::fuzz {
namespace {

/// A path is a counter's name that an import can send; a broken line has a reason and no path.
void check(const LineVerdict& verdict) {
  require(verdict.path.empty() == (verdict.broken != nullptr), "a line has a path or a reason");
  require(verdict.path.size() <= 1'024, "a path is a counter's name");
  require(is_utf8(verdict.path), "a path can be sent as JSON");
  require(verdict.path.find('?') == verdict.path.npos, "a path ends at its query");
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

using Json = nlohmann::json;

/// A line as another reader of JSON finds it.
struct SecondOpinion {
  Json json;
  bool object = false;
  bool repeats = false;  ///< A name stands twice in one object: readers differ in which of them they take.
};

SecondOpinion second_opinion(std::string_view line) {
  SecondOpinion found;
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::key) found.repeats |= !names.back().insert(parsed.get<std::string>()).second;
    if (event == Json::parse_event_t::object_end) names.pop_back();
    return true;
  };
  found.json = Json::parse(line, watch, false);
  found.object = found.json.is_object();
  return found;
}

/// What one reader takes and the other does not, by their documentation: a NUL that ends a text, a mark of the byte
/// order, integers beyond 64 bits, objects that lie more than a thousand deep.
bool readers_differ(std::string_view line, const Json& json) {
  if (line.find('\0') != line.npos || line.starts_with("\xEF\xBB\xBF")) return true;
  if (std::ranges::count_if(line, [](char c) { return c == '[' || c == '{'; }) >= 1'000) return true;
  if (json.is_number_float()) return std::abs(json.get<double>()) >= 9e18;
  return json.is_structured() &&
         std::any_of(json.begin(), json.end(), [](const Json& inner) { return readers_differ({}, inner); });
}

const Json* find(const Json& json, const std::string& name) {
  return json.is_object() && json.contains(name) ? &json[name] : nullptr;
}

/// The field that `--field` names: whole, or the rest of its name inside what its beginning names.
const Json* find_named(const Json& json, const std::string& name) {
  if (const auto* found = find(json, name)) return found;
  const auto dot = name.find('.');
  const auto* inner = dot == name.npos ? nullptr : find(json, name.substr(0, dot));
  return inner == nullptr ? nullptr : find_named(*inner, name.substr(dot + 1));
}

/// The text that holds the request, by the header's words on which field that is.
std::optional<std::string> request_of(const Json& json, const std::string& named) {
  const Json* found = named.empty() ? nullptr : find_named(json, named);
  static constexpr std::array kUsual = {"request_uri", "request",     "uri",        "url",
                                        "path",        "RequestPath", "requestUrl", "cs-uri-stem"};
  for (const auto* name : kUsual) {
    if (named.empty() && found == nullptr) found = find(json, name);
  }
  if (named.empty() && found == nullptr) found = find_named(json, "httpRequest.requestUrl");
  if (found == nullptr) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  for (const auto* name : {"uri", "url", "path"}) {
    if (const auto* inner = find(*found, name); inner != nullptr && inner->is_string())
      return inner->get<std::string>();
  }
  return std::nullopt;
}

/// Both readers find one object or none, and in it the same request.
void check_json(JsonLogLineReader& reader, const std::string& named, std::string_view line) {
  const auto verdict = reader.read(line);
  check(verdict);
  const auto second = second_opinion(line);
  const bool whole = verdict.broken == nullptr || verdict.broken != std::string_view("it is not one whole JSON object");
  require(!whole || second.object || line.starts_with("\xEF\xBB\xBF"), "what was taken is an object of JSON");
  if (!second.object || readers_differ(line, second.json)) return;
  require(whole, "an object of JSON is taken");
  if (second.repeats) return;
  const auto request = request_of(second.json, named);
  if (!request) return require(verdict.broken != nullptr, "a line without a request is broken");
  const bool target = request->find(' ') == request->npos;
  auto expected = target ? path_of_target(*request) : path_of_request(*request);
  if (!target && expected.broken != nullptr && request->starts_with('/')) expected = path_of_target(*request);
  require((verdict.broken == nullptr) == (expected.broken == nullptr), "the request is sound for both or neither");
  require_same(verdict.path, expected.path, "the path is the same");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu;
  using namespace quipu::fuzz;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  for (const auto read : {read_access_log_line, path_of_request, path_of_target}) {
    const auto verdict = read(line);
    check(verdict);
    require(inside(verdict.path, line), "the path points into the line");
  }
  static JsonLogLineReader usual;
  static JsonLogLineReader named("request.uri");
  check_json(usual, "", line);
  check_json(named, "request.uri", line);
  return 0;
}
