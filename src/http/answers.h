#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/counter_service.h"
#include "http/context.h"
#include "http/turn.h"

namespace quipu {

/// Writes what the outcomes of a turn's batch say, request by request, in order.
class HttpAnswers {
 public:
  HttpAnswers(const HttpContext& context, const HttpReplyWriter& writer) : context_(context), writer_(writer) {}

  /// Appends the replies of a turn whose batch is done. May raise `turn.hold_at`.
  void append(std::string& out, HttpTurn& turn);

  /// Appends the answer to GET /v1/top.
  void append_top(std::string& out, const HttpErrand& errand, const ScanPage& page);

  /// The memory that it keeps for the next answers.
  std::size_t kept_bytes() const { return body_.capacity() + fields_.capacity(); }

 private:
  void append_one(std::string& out, HttpTurn& turn, const HttpPending& pending);
  void forget_body();
  void added(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void events(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void value(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void values(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void reset(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void source(std::string& out, HttpTurn& turn, const HttpPending& pending);
  void space(std::string& out, HttpTurn& turn, const HttpPending& pending);
  void stats(std::string& out, HttpTurn& turn, const HttpPending& pending);
  bool failed(std::string& out, const HttpTurn& turn, const HttpPending& pending);
  void append_position_of(std::string& out, const Outcome& outcome) const;

  const HttpContext& context_;
  const HttpReplyWriter& writer_;
  std::string body_;    // Reused.
  std::string fields_;  // Reused.
};

/// A namespace and its policy as JSON; `counters`: how many exist, where that is asked.
void append_namespace(std::string& out, std::string_view name, const NamespacePolicy& policy,
                      std::optional<std::uint64_t> counters);

/// Whether If-None-Match names the tag, by weak comparison. `exists`: whether `*` names it too.
bool names_entity_tag(std::string_view field, std::string_view tag, bool exists);

/// `serving`, `recovering`, ...
const char* state_name(EngineState state);

/// Why nothing is taken now.
const char* not_serving_text(EngineState state);

}  // namespace quipu
