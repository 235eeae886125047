// The counter table: inserting that many new counters, and finding one of that many at random. Names of 20 bytes.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "aggregate/counter_table.h"
#include "load/load_requests.h"

namespace quipu {
namespace {

constexpr NamespaceId kSpace{1};
constexpr std::size_t kNameBytes = 20;
constexpr std::int64_t kFinds = 1 << 20;

std::unique_ptr<CounterTable> new_table() {
  return std::make_unique<CounterTable>(7, HashSecret{11, 22}, Generation{1}, std::uint16_t{8});
}

/// The names of counters 0 to count - 1, end to end.
std::string names(std::uint64_t count) {
  std::string made;
  made.reserve(count * kNameBytes);
  for (std::uint64_t i = 0; i < count; ++i) made += key_name(i, kNameBytes);
  return made;
}

std::string_view name_of(const std::string& all, std::uint64_t number) {
  return std::string_view(all).substr(number * kNameBytes, kNameBytes);
}

void table_insert(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const auto all = names(count);
  for (auto _ : state) {
    state.PauseTiming();
    auto table = new_table();
    state.ResumeTiming();
    for (std::uint64_t i = 0; i < count; ++i) table->insert(kSpace, "views", name_of(all, i));
    state.PauseTiming();
    state.counters["bytes_per_counter"] = static_cast<double>(table->bytes()) / static_cast<double>(count);
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(table_insert)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void table_find(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  auto table = new_table();
  {
    const auto all = names(count);
    for (std::uint64_t i = 0; i < count; ++i) table->insert(kSpace, "views", name_of(all, i));
  }
  // What is asked for lies in order, as it does in what has just been received.
  std::mt19937_64 random(3);
  std::string asked;
  for (std::int64_t i = 0; i < kFinds; ++i) asked += key_name(random() % count, kNameBytes);
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < kFinds; ++i) {
      const auto found = table->find(kSpace, name_of(asked, i));
      if (found == kNoCounter) return state.SkipWithError("a counter is gone");
      benchmark::DoNotOptimize(found);
    }
  }
  state.SetItemsProcessed(state.iterations() * kFinds);
}
BENCHMARK(table_find)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace quipu
