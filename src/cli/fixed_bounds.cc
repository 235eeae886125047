#include "cli/fixed_bounds.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "cli/config_value.h"
#include "event/entry.h"
#include "ingest/api_keys.h"
#include "net/limits.h"

namespace quipu {
namespace {

FixedBound count(std::string name, std::int64_t value, std::string what, std::string beyond) {
  return {std::move(name), value, fmt::format("{}", value), std::move(what), std::move(beyond)};
}

FixedBound bytes(std::string name, std::int64_t value, std::string what, std::string beyond) {
  return {std::move(name), value, format_bytes(value), std::move(what), std::move(beyond)};
}

FixedBound duration(std::string name, std::int64_t value_ms, std::string what, std::string beyond) {
  return {std::move(name), value_ms, format_duration_ms(value_ms), std::move(what), std::move(beyond)};
}

std::vector<FixedBound> make_fixed_bounds() {
  constexpr const char* kRefused = "400 or an error, nothing is counted";
  constexpr const char* kProtocolError = "a protocol error, closed";
  constexpr const char* kNoStart = "the service does not start";
  return {
      count("namespace_bytes", kNamespaceBytesMax, "Letters of a namespace's name.", kRefused),
      count("counter_bytes", kCounterBytesMax, "Bytes of a counter's name.", kRefused),
      count("id_bytes", kIdBytesMax, "Bytes of an id or a viewer.", kRefused),
      count("source_bytes", kSourceBytesMax, "Bytes of a source.", kRefused),
      count("counter_total", std::numeric_limits<std::int64_t>::max(), "A total, and as much below zero.", kRefused),
      count("http_fields", kHttpFieldsMax, "Header fields of one HTTP request.", "431, closed"),
      count("http_method_bytes", kHttpMethodBytesMax, "Letters of a method.", "400, closed"),
      count("chunk_extension_bytes", kChunkExtensionBytesMax, "Extensions of one chunk, with their semicolon.",
            "400, closed"),
      count("chunk_size_digits", kChunkSizeDigitsMax, "Digits of a chunk's size.", "400, closed"),
      bytes("resp_line_bytes", kRespLineBytesMax, "The line that declares the length of an array or an argument.",
            kProtocolError),
      count("login_arguments", kLoginArgumentsMax, "Arguments of a RESP command before AUTH, where there are keys.",
            kProtocolError),
      bytes("login_argument_bytes", kLoginArgumentBytesMax,
            "One argument of a RESP command before AUTH, where there are keys.", kProtocolError),
      count("client_name_bytes", kClientNameBytesMax, "The name that a client gives itself.", "an error"),
      count("pattern_bytes", kGlobBytesMax, "A pattern of SCAN or CONFIG GET.", "an error"),
      count("turned_away", kTurnedAwayMax, "Connections above limits.connections that are told so at one time.",
            "closed without a word"),
      duration("linger", kLingerMs, "How long what a client still sends is thrown away behind the last reply.",
               "closed"),
      count("key_bytes_min", kApiKeyBytesMin, "Letters that an API key must have.", kNoStart),
      count("key_bytes", kApiKeyBytesMax, "Letters that an API key may have.", kNoStart),
      count("keys", kApiKeysMax, "API keys.", kNoStart),
      bytes("key_file_bytes", kKeyFileBytesMax, "The file of the API keys.", kNoStart),
  };
}

}  // namespace

const std::vector<FixedBound>& fixed_bounds() {
  static const std::vector<FixedBound> bounds = make_fixed_bounds();
  return bounds;
}

}  // namespace quipu
