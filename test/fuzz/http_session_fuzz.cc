#include <gtest/gtest.h>

#include <string>

#include "fuzz/fuzz.h"
#include "http/told_events.h"
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

/// A request that counts where it is run.
const std::string kHidden = HttpWorld::post("/v1/counters/default/hidden", "{}");

/// Everything that is answered.
std::string answered(HttpWorld& world) {
  auto out = world.settle();
  world.session().timed_out();
  return out + world.settle();
}

std::uint64_t accepted(const HttpWorld& world) { return world.engine->stats().events_accepted; }

/// Behind bytes that ended the connection nothing is run: neither what came with them nor what comes later.
void check_hidden(std::string_view bytes, const std::string& expected, std::uint64_t counted) {
  Dialogue with;
  with.world.arrive(std::string(bytes) + kHidden);
  require_same(with.world.settle(), expected, "what stands behind the end of a connection is not answered");
  require(accepted(with.world) == counted, "what stands behind the end of a connection is not counted");
}

/// As many events are counted as the answers say. Where reads that wait took all the turns there are, some answers are
/// still to come: what they will say is counted already.
void check_count(HttpWorld& world, std::string_view answers) {
  const auto told = told_events(answers);
  require(told.has_value(), "answers are whole ones of HTTP, and each 202 says how many events it accepted");
  const bool all = !world.session().busy() && world.session().output().empty();
  require(all ? *told == accepted(world) : *told <= accepted(world), "as many events are counted as the answers say");
}

/// The answers and what is counted depend on the bytes alone, not on how they were cut; as many events are counted as
/// the answers say, and none behind the end of the connection.
void check(std::string_view bytes, std::uint8_t seed) {
  Dialogue whole;
  whole.world.arrive(bytes);
  const auto before = whole.world.settle();
  if (whole.world.session().closing()) check_hidden(bytes, before, accepted(whole.world));
  const auto expected = before + answered(whole.world);
  check_count(whole.world, expected);
  const auto counted = accepted(whole.world);
  whole.world.arrive(kHidden);
  require_same(whole.world.settle(), "", "what comes after the end of a connection is not answered");
  require(accepted(whole.world) == counted, "what comes after the end of a connection is not counted");

  Dialogue pieces;
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.world.arrive(piece);
  }
  require_same(answered(pieces.world), expected, "cut bytes are answered alike");
  require(accepted(pieces.world) == counted, "cut bytes count alike");
}

/// What is hidden behind other bytes would show if it were run.
bool hidden_counts() {
  Dialogue alone;
  alone.world.arrive(kHidden);
  return answered(alone.world).starts_with("HTTP/1.1 202") && accepted(alone.world) == 1;
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool counts = quipu::fuzz::hidden_counts();
  quipu::fuzz::require(counts, "the hidden request counts where it is run");
  quipu::fuzz::Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  quipu::fuzz::check(input.rest(), seed);
  return 0;
}
