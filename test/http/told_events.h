#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace quipu {

/// How many events the body of a 202 says were counted: what was accepted, without the repeats. Nothing where it does
/// not say.
inline std::optional<std::uint64_t> told_by_body(std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("accepted") || !json["accepted"].is_number_unsigned()) return std::nullopt;
  const auto accepted = json["accepted"].get<std::uint64_t>();
  // A single write says whether it was one, a batch how many of its events were.
  const auto repeats = json.value("duplicates", std::uint64_t{0}) + (json.value("duplicate", false) ? 1 : 0);
  return repeats <= accepted ? std::optional(accepted - repeats) : std::nullopt;
}

/// How many events a connection's answers say were counted. Nothing where they are not whole answers of HTTP, or where
/// a 202 does not say it. Which of them answer HEAD need not be known.
inline std::optional<std::uint64_t> told_events(std::string_view answers) {
  constexpr std::string_view kBegin = "HTTP/1.1 ";
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  std::uint64_t events = 0;
  while (!answers.empty()) {
    const auto end = answers.find("\r\n\r\n");
    if (!answers.starts_with(kBegin) || end == std::string_view::npos) return std::nullopt;
    const auto head = answers.substr(0, end + 2);
    answers.remove_prefix(end + 4);
    std::string_view body;
    const auto length = head.find(kLength);
    // What answers HEAD has a length and no body: the next answer stands there, and no body begins like one.
    if (length != std::string_view::npos && !answers.empty() && !answers.starts_with(kBegin)) {
      const auto digits = head.substr(length + kLength.size());
      std::size_t size = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), size);
      if (size > answers.size()) return std::nullopt;
      body = answers.substr(0, size);
      answers.remove_prefix(size);
    }
    if (!head.starts_with("HTTP/1.1 202 ")) continue;
    const auto told = told_by_body(body);
    if (!told) return std::nullopt;
    events += *told;
  }
  return events;
}

}  // namespace quipu
