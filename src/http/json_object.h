#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/json_text.h"

namespace quipu {

/// Writes one JSON object behind what `out` holds: braces, commas, escapes. Names are literals of ours.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }

  JsonObject& text(std::string_view name, std::string_view value) {
    append_json_string(begin(name), value);
    return *this;
  }
  JsonObject& number(std::string_view name, std::int64_t value) {
    append_json_number(begin(name), value);
    return *this;
  }
  JsonObject& count(std::string_view name, std::uint64_t value) {
    append_json_number(begin(name), value);
    return *this;
  }
  JsonObject& boolean(std::string_view name, bool value) {
    begin(name) += value ? "true" : "false";
    return *this;
  }
  /// The name and its colon; the caller appends the value.
  std::string& begin(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace quipu
