#include "cli/fixed_bounds.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "cli/client_flags.h"
#include "cli/config_file.h"
#include "cli/config_value.h"
#include "cluster/shared_store.h"
#include "engine/engine_options.h"
#include "event/entry.h"
#include "import/log_file.h"
#include "ingest/api_keys.h"
#include "net/limits.h"
#include "node/data_directory.h"

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
      count("source_sequence", kSequenceMax, "A number that a source gives its events.", kRefused),
      count("counter_total", std::numeric_limits<std::int64_t>::max(), "A total, and as much below zero.", kRefused),
      count("http_fields", kHttpFieldsMax, "Header fields of one HTTP request.", "431, closed"),
      count("http_method_bytes", kHttpMethodBytesMax, "Letters of a method.", "400, closed"),
      count("chunk_extension_bytes", kChunkExtensionBytesMax, "Extensions of one chunk, with their semicolon.",
            "400, closed"),
      count("chunk_size_digits", kChunkSizeDigitsMax, "Digits of a chunk's size.", "400, closed"),
      count("content_length_digits", kContentLengthDigitsMax, "Digits of a Content-Length.", "413, closed"),
      bytes("resp_line_bytes", kRespLineBytesMax, "The line that declares the length of an array or an argument.",
            kProtocolError),
      count("login_arguments", kLoginArgumentsMax, "Arguments of a RESP command before AUTH, where there are keys.",
            kProtocolError),
      bytes("login_argument_bytes", kLoginArgumentBytesMax,
            "One argument of a RESP command before AUTH, where there are keys.", kProtocolError),
      count("client_name_bytes", kClientNameBytesMax, "The name that a client gives itself.", "an error"),
      count("pattern_bytes", kGlobBytesMax, "A pattern of SCAN or CONFIG GET.", "an error"),
      bytes("client_share_bytes", kClientShareBytes,
            "What each connection may hold whatever the others do: input, unread replies, its batch.",
            "counts against limits.clients_bytes"),
      bytes("unsent_bytes", kUnsentBytesMax,
            "Replies that the system takes from one connection while its client takes none, and one packet more.",
            "count against limits.output_bytes, and the time of limits.write begins"),
      count("turned_away", kTurnedAwayMax, "Connections above limits.connections that are told so at one time.",
            "closed without a word"),
      duration("linger", kLingerMs, "How long what a client still sends is thrown away behind the last reply.",
               "closed"),
      count("jobs", kJobsMax,
            "Walks over all counters at one time, where one process is all: SCAN in the store, TOP, FLUSHDB.",
            "503 or -BUSY, nothing is changed"),
      count("store_walks", kStoreWalksMax,
            "Walks over a shared store at one time, of one API node: SCAN, TOP, FLUSHDB.",
            "503 or -BUSY; of a FLUSHDB that was under way, some may be done"),
      bytes("table_slack_bytes", kTableSlackBytes,
            "How far the table may be above memory.table_bytes and an eighth of it, while what is new waits for the "
            "store.",
            "writes are answered as busy"),
      count("key_bytes_min", kApiKeyBytesMin, "Letters that an API key must have.", kNoStart),
      count("key_bytes", kApiKeyBytesMax, "Letters that an API key may have.", kNoStart),
      count("keys", kApiKeysMax, "API keys.", kNoStart),
      bytes("key_file_bytes", kKeyFileBytesMax, "The file of the API keys.", kNoStart),
      count("client_key_bytes", kClientKeyBytesMax, "Letters of the key that a command of the program sends.",
            "the command is refused"),
      bytes("config_file_bytes", kConfigFileBytesMax, "The file of the configuration.", kNoStart),
      bytes("password_bytes", kPasswordBytesMax,
            "The first line of a file that cassandra.password_file, kafka.password_file or redis.password_file names.",
            kNoStart),
      bytes("identity_bytes", kIdentityBytesMax,
            "The identity of a data directory, most of it the names of resp.namespaces.", kNoStart),
      bytes("base_bytes", kBaseBytesMax,
            "Bases of partitions that one worker makes at a time, twice each: kept, and with the store.",
            "the next partition's base waits for a later flush; one is always made"),
      bytes("log_line_bytes", kLogLineBytesMax, "A line of a log that `quipu import` counts.",
            "the line is told, and not counted"),
  };
}

}  // namespace

const std::vector<FixedBound>& fixed_bounds() {
  static const std::vector<FixedBound> bounds = make_fixed_bounds();
  return bounds;
}

}  // namespace quipu
