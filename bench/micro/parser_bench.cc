// The parsers of both wires, on 64 requests of the load generator that lie end to end; and its own counting of replies.

#include <benchmark/benchmark.h>

#include <string>

#include "http/parser.h"
#include "load/load_requests.h"
#include "load/reply_counter.h"
#include "resp/parser.h"

namespace quipu {
namespace {

constexpr std::size_t kRequests = 64;

std::string requests(LoadProtocol protocol) {
  KeyDistribution keys(Spread::kUniform, 100'000, 1);
  const RequestRing ring({.protocol = protocol, .space = "views", .host = "127.0.0.1:8080"}, keys, kRequests);
  return std::string(ring.range(0, kRequests));
}

void resp_parse(benchmark::State& state) {
  const auto bytes = requests(LoadProtocol::kResp);
  const NetLimits limits;
  RespParser parser(limits);
  for (auto _ : state) {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const auto step = parser.parse(rest);
      if (step.status != RespParser::Status::kCommand) return state.SkipWithError("not a command");
      benchmark::DoNotOptimize(parser.arguments().data());
      rest.remove_prefix(step.used);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRequests));
}
BENCHMARK(resp_parse);

void http_parse(benchmark::State& state) {
  const auto bytes = requests(LoadProtocol::kHttp);
  const NetLimits limits;
  HttpParser parser(limits);
  for (auto _ : state) {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const auto step = parser.parse(rest);
      if (step.status != HttpParser::Status::kRequest) return state.SkipWithError("not a request");
      benchmark::DoNotOptimize(parser.request().body.data());
      rest.remove_prefix(step.used);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRequests));
}
BENCHMARK(http_parse);

void count_replies(benchmark::State& state, LoadProtocol protocol, const std::string& reply) {
  std::string bytes;
  for (std::size_t i = 0; i < kRequests; ++i) bytes += reply;
  ReplyCounter counter(protocol);
  ReplyTally tally;
  for (auto _ : state) {
    const auto replies = counter.feed(bytes, tally);
    if (!replies || *replies != kRequests) return state.SkipWithError("replies were miscounted");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRequests));
}
BENCHMARK_CAPTURE(count_replies, resp, LoadProtocol::kResp, ":12345\r\n");
BENCHMARK_CAPTURE(count_replies, http, LoadProtocol::kHttp,
                  "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"
                  "{\"accepted\":1}");

}  // namespace
}  // namespace quipu
