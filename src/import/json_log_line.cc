#include "import/json_log_line.h"

#include <simdjson.h>

#include <array>

namespace quipu {
namespace {

constexpr std::array<std::string_view, 8> kUsualFields = {"request_uri", "request",     "uri",        "url",
                                                          "path",        "RequestPath", "requestUrl", "cs-uri-stem"};
constexpr std::array<std::string_view, 3> kUsualInside = {"uri", "url", "path"};

/// The element at `path`, names joined by dots; a name with a dot in it is found whole, too.
bool find_field(const simdjson::dom::object& object, std::string_view path, simdjson::dom::element& found) {
  if (object.at_key(path).get(found) == simdjson::SUCCESS) return true;
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return false;
  simdjson::dom::object inner;
  return object.at_key(path.substr(0, dot)).get(inner) == simdjson::SUCCESS &&
         find_field(inner, path.substr(dot + 1), found);
}

/// The path in a field's text, which is a whole request or a target alone.
LineVerdict path_of_text(std::string_view text) {
  if (text.find(' ') == std::string_view::npos) return path_of_target(text);
  const auto verdict = path_of_request(text);
  // A target alone may hold a blank, where the writer of the log had decoded it.
  return verdict.broken != nullptr && text.starts_with('/') ? path_of_target(text) : verdict;
}

LineVerdict path_of_element(const simdjson::dom::element& element) {
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return path_of_text(text);
  simdjson::dom::object object;
  if (element.get(object) == simdjson::SUCCESS) {
    for (const auto name : kUsualInside) {
      if (object.at_key(name).get(text) == simdjson::SUCCESS) return path_of_text(text);
    }
  }
  return {{}, "the JSON field of the request is no text"};
}

}  // namespace

class JsonLogLineReader::State {
 public:
  std::string field;
  simdjson::dom::parser parser;
};

JsonLogLineReader::JsonLogLineReader(std::string field) : state_(std::make_unique<State>()) {
  state_->field = std::move(field);
}
JsonLogLineReader::~JsonLogLineReader() = default;

LineVerdict JsonLogLineReader::read(std::string_view line) {
  simdjson::dom::object object;
  if (state_->parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS) {
    return {{}, "it is not one whole JSON object"};
  }
  simdjson::dom::element found;
  if (!state_->field.empty()) {
    if (find_field(object, state_->field, found)) return path_of_element(found);
    return {{}, "the JSON object has not the field that --field names"};
  }
  for (const auto name : kUsualFields) {
    if (object.at_key(name).get(found) == simdjson::SUCCESS) return path_of_element(found);
  }
  if (find_field(object, "httpRequest.requestUrl", found)) return path_of_element(found);
  return {{}, "the JSON object has no field that usually holds the request; name it with --field"};
}

}  // namespace quipu
