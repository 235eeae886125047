#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "http/feed.h"
#include "http/plain_reading.h"

namespace quipu::fuzz {
namespace {

NetLimits small_limits() {
  NetLimits limits;
  limits.header_bytes_max = 1'024;
  limits.body_bytes_max = 512;
  return limits;
}

/// The parser is made of Boost.Beast's and of our verdicts; a plain reading of the whole bytes agrees with it on what
/// is a request, what is refused and for which of its faults, and where the next request begins.
void check_against_plain_reading(std::string_view bytes, const NetLimits& limits) {
  static constexpr const char* kNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "?"};
  using Kind = PlainReading::Kind;
  HttpParser parser(limits);
  while (true) {
    const auto step = parser.parse(bytes);
    const PlainReading plain(bytes, limits);
    if (step.status == HttpParser::Status::kNeedMore) {
      require(plain.kind() == Kind::kIncomplete, "what waits for more is no request yet, and not refused");
      return;
    }
    if (step.status == HttpParser::Status::kRefused) {
      require(plain.kind() != Kind::kRequest, "what is refused is no request");
      // Of what has no end yet the plain reading does not look at the beginning.
      require(plain.kind() == Kind::kIncomplete || plain.faults().contains(parser.verdict().status),
              "it is refused for something that is wrong with it");
      return;
    }
    const auto& request = parser.request();
    require(plain.kind() == Kind::kRequest, "what is taken is a request");
    require(plain.end() == step.used, "it ends in the same place");
    require_same(kNames[static_cast<int>(request.method)], plain.method(), "its method is the same");
    require_same(request.target, plain.target(), "its target is the same");
    require_same(request.body, plain.body(), "its body is the same");
    require(request.keep_alive == plain.keep_alive(), "what becomes of the connection is the same");
    bytes.remove_prefix(step.used);
  }
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
  const auto bytes = input.rest();
  const auto& limits = (seed & 1) != 0 ? small : usual;
  check(bytes, seed, limits);
  check_against_plain_reading(bytes, limits);
  return 0;
}
