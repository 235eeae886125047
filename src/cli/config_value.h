#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quipu {

/// Where to listen or connect: `HOST:PORT`, `:PORT`, `[IPV6]:PORT`.
struct Address {
  std::string host;  ///< A name or a number; never empty after parsing: ":80" is every interface, "0.0.0.0".
  std::uint16_t port = 0;

  friend bool operator==(const Address&, const Address&) = default;
};

/// A whole number, decimal; `1_000_000` is read as well.
Result<std::int64_t> parse_integer(std::string_view text);

/// Bytes: `65536`, `64KiB`, `64MiB`, `1.5GiB`. `64MB` is refused, since half the world means another number by it.
Result<std::int64_t> parse_bytes(std::string_view text);

/// Milliseconds: `500ms`, `1s`, `1.5s`, `10m`, `24h`, `7d`. A bare number is refused, but for 0.
Result<std::int64_t> parse_duration_ms(std::string_view text);

/// `true` or `false`, `on` or `off`, `yes` or `no`, `1` or `0`.
Result<bool> parse_bool(std::string_view text);

Result<Address> parse_address(std::string_view text);

/// The shortest text that the parser above reads as the same number: 67108864 is `64MiB`.
std::string format_bytes(std::int64_t bytes);
/// As format_bytes: 86400000 is `24h`.
std::string format_duration_ms(std::int64_t ms);

/// The one of `candidates` that `word` was perhaps meant to be, or "" when none is near: at most three letters away,
/// and two for a short word.
template <class Range>
std::string_view nearest(std::string_view word, const Range& candidates);

/// How many letters must be put in, taken out, changed or swapped with their neighbour to get from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest(std::string_view word, const Range& candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 < 2 ? 2 : word.size() / 3;
  if (best_distance > 3) best_distance = 3;
  ++best_distance;
  for (std::string_view candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace quipu
