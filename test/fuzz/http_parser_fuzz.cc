#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "http/feed.h"

namespace quipu::fuzz {
namespace {

NetLimits small_limits() {
  NetLimits limits;
  limits.header_bytes_max = 1'024;
  limits.body_bytes_max = 512;
  return limits;
}

/// What comes out depends on the bytes alone, not on how they were cut.
void check(std::string_view bytes, std::uint8_t seed, const NetLimits& limits) {
  HttpFeed pieces(limits);
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.arrive(piece);
    require(pieces.parser().kept_bytes() <= 4 * (limits.header_bytes_max + limits.body_bytes_max) + 4'096,
            "no more is kept than a request's bounds");
  }
  HttpFeed whole(limits);
  whole.arrive(bytes);
  require(pieces.events() == whole.events(), "cut bytes are the same requests");
  require_same(pieces.parser().verdict().detail, whole.parser().verdict().detail, "and refused in the same words");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  static const auto small = small_limits();
  static const quipu::NetLimits usual;
  Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  check(input.rest(), seed, (seed & 1) != 0 ? small : usual);
  return 0;
}
