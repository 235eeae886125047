#include <gtest/gtest.h>

#include <string>

#include "fuzz/fuzz.h"
#include "http/world.h"

namespace quipu::fuzz {
namespace {

/// A service and one connection, as unit tests have them.
struct Dialogue {
  Dialogue() {
    testing::GTEST_FLAG(throw_on_failure) = true;
    world.log_options.segment_bytes = std::size_t{256} << 10;
    world.serve();
  }

  HttpWorld world;
};

/// Everything that is answered.
std::string answered(HttpWorld& world) {
  auto out = world.settle();
  world.session().timed_out();
  return out + world.settle();
}

/// The answers and what is counted depend on the bytes alone, not on how they were cut.
void check(std::string_view bytes, std::uint8_t seed) {
  Dialogue whole;
  whole.world.arrive(bytes);
  const auto expected = answered(whole.world);
  require(expected.empty() || expected.starts_with("HTTP/1.1 "), "an answer is one of HTTP");

  Dialogue pieces;
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.world.arrive(piece);
  }
  require_same(answered(pieces.world), expected, "cut bytes are answered alike");
  require(pieces.world.engine->stats().events_accepted == whole.world.engine->stats().events_accepted,
          "cut bytes count alike");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  quipu::fuzz::check(input.rest(), seed);
  return 0;
}
