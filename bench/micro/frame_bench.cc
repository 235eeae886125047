// The frame's codec: 64 or 512 plain entries with names of 20 bytes, as a commit under load has them.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "event/frame.h"
#include "load/load_requests.h"

namespace quipu {
namespace {

std::vector<std::string> names(std::size_t count) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(key_name(i * 7919 % 100'000, 20));
  return made;
}

void fill(FrameEncoder& encoder, const std::vector<std::string>& counters) {
  FrameHeader header;
  header.number = 1;
  header.base_time = 1'700'000'000'000;
  encoder.begin(header);
  Entry entry;
  entry.space = "views";
  entry.delta = 1;
  entry.events = 1;
  entry.time = header.base_time;
  for (const auto& counter : counters) {
    entry.counter = counter;
    encoder.add(entry);
  }
}

void frame_encode(benchmark::State& state) {
  const auto counters = names(static_cast<std::size_t>(state.range(0)));
  FrameEncoder encoder;
  for (auto _ : state) {
    fill(encoder, counters);
    benchmark::DoNotOptimize(encoder.finish().data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frame_encode)->Arg(64)->Arg(512);

void frame_decode(benchmark::State& state) {
  FrameEncoder encoder;
  fill(encoder, names(static_cast<std::size_t>(state.range(0))));
  const auto bytes = encoder.finish();
  for (auto _ : state) {
    const auto frame = decode_frame(bytes);
    if (!frame) state.SkipWithError("the frame does not decode");
    auto entries = frame->entries();
    Entry entry;
    while (entries.next(entry)) benchmark::DoNotOptimize(entry.counter.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frame_decode)->Arg(64)->Arg(512);

}  // namespace
}  // namespace quipu
