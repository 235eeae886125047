#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "http/planner.h"

namespace quipu {

/// A request on its way through the planner: what is known of it so far, and where its results go.
struct HttpPlanner::Work {
  const HttpRequest& request;
  HttpTurn& turn;
  HttpErrand& errand;
  bool waited = false;
  HttpRouteMatch match{};
  HttpReplyShape shape{};
  HttpQuery query{};

  // What the header fields say about which event this is; sound after `read_headers`.
  std::optional<std::string_view> id{};      ///< Idempotency-Key, without its quotes.
  std::optional<std::string_view> source{};  ///< Quipu-Source
  std::uint64_t sequence = 0;                ///< Quipu-Sequence: of the event that is being read.

  const char* place_name = "";  ///< What a refusal calls the place in the body.
  std::uint32_t place = 0;      ///< Where in the body a refusal is; 0: nowhere in particular.
};

}  // namespace quipu
