#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/bytes.h"

/// What libFuzzer calls with each input; the one function that a fuzzer defines. Answers 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  // NOLINT(*-identifier-naming)

/// What the fuzzers share. Each ends the process where a property does not hold, and libFuzzer keeps the input.
namespace quipu::fuzz {

/// Ends the process unless `holds`; `text` says what should.
inline void require(bool holds, const char* text) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", text);
  std::abort();
}

/// Ends the process unless both are the same; shows where they begin to differ.
inline void require_same(std::string_view found, std::string_view expected, const char* text) {
  if (found == expected) return;
  const auto [at, other] = std::ranges::mismatch(found, expected);
  const auto same = static_cast<std::size_t>(at - found.begin());
  const auto from = same - std::min<std::size_t>(same, 200);
  for (const auto& [name, whole] : {std::pair("found", found), std::pair("expected", expected)}) {
    const auto shown = whole.substr(from, 400);
    std::fprintf(stderr, "%s, from byte %zu:\n%.*s\n", name, from, static_cast<int>(shown.size()), shown.data());
  }
  require(false, text);
}

/// Takes an input apart from its front. Where it is used up everything is 0 or empty, so any input is a whole one.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  template <class T>
    requires std::is_integral_v<T>
  T number() {
    T value{};
    const auto size = std::min(sizeof(T), rest_.size());
    std::memcpy(&value, rest_.data(), size);
    rest_.remove_prefix(size);
    return value;
  }
  /// From 0, below `below`.
  std::size_t below(std::size_t below) { return number<std::uint16_t>() % below; }
  bool flag() { return (number<std::uint8_t>() & 1) != 0; }
  /// Up to `size` bytes.
  std::string_view text(std::size_t size) {
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return text(rest_.size()); }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// Where to cut a text next: the sizes of the pieces follow from a seed, so that the text itself is free.
class Cuts {
 public:
  explicit Cuts(std::uint8_t seed) : state_(seed) {}

  /// The size of the next piece, from 1: often a few bytes, sometimes many.
  std::size_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const auto drawn = state_ >> 33;
    return 1 + (drawn % 8 == 0 ? drawn / 8 % 1'000 : drawn / 8 % 5);
  }

 private:
  std::uint64_t state_;
};

}  // namespace quipu::fuzz
