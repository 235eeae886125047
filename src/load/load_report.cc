#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "load/load.h"

namespace quipu {
namespace {

constexpr double kQuantiles[] = {0.5, 0.9, 0.99, 0.999};

const char* name_of(Spread spread) {
  switch (spread) {
    case Spread::kZipf:
      return "zipf";
    case Spread::kUniform:
      return "uniform";
    case Spread::kEach:
      return "each";
    case Spread::kOne:
      break;
  }
  return "one";
}

double ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

std::string load_report_text(const LoadOptions& options, const LoadReport& report) {
  const auto& replies = report.replies;
  std::string out = fmt::format(
      "{} events accepted in {:.2f} s: {:.0f} a second\n"
      "  {} over {}, {} connections, {} in flight on each, {} keys, {}\n",
      replies.accepted, report.seconds, report.accepted_per_second(),
      options.protocol == LoadProtocol::kResp ? "RESP INCR" : "HTTP POST", options.host, options.connections,
      options.pipeline, options.keys, name_of(options.spread));
  if (options.batch > 1) out += fmt::format("  {} events in each request\n", options.batch);
  out += "  latency ms";
  for (const double share : kQuantiles) {
    out += fmt::format("  p{:g} {:.2f}", share * 100, ms(report.latency.quantile_ns(share)));
  }
  out += fmt::format("  max {:.2f}\n", ms(report.latency.max_ns()));
  out += fmt::format("  not accepted: {} busy, {} refused, {} unknown, {} lost with their connection\n", replies.busy,
                     replies.refused, replies.unknown, report.lost);
  if (options.rate > 0)
    out += fmt::format("  open loop: {:.0f} a second, latency from the intended time\n", options.rate);
  if (options.idle_connections > 0) {
    out += fmt::format("  {} idle connections beside, {} of them lost\n", options.idle_connections, report.idle_lost);
  }
  if (!replies.first_error.empty()) out += fmt::format("  first error: {}\n", replies.first_error);
  if (!report.trouble.empty()) {
    out += fmt::format("  {} connections lost: {}\n", report.connections_lost, report.trouble);
  }
  return out;
}

std::string load_report_json(const LoadOptions& options, const LoadReport& report) {
  nlohmann::ordered_json out;
  out["protocol"] = options.protocol == LoadProtocol::kResp ? "resp" : "http";
  out["namespace"] = options.space;
  out["connections"] = options.connections;
  out["pipeline"] = options.pipeline;
  out["batch"] = options.batch;
  out["ids"] = options.ids;
  out["keys"] = options.keys;
  out["distribution"] = name_of(options.spread);
  out["seconds"] = report.seconds;
  out["sent"] = report.sent;
  out["accepted"] = report.replies.accepted;
  out["accepted_per_second"] = report.accepted_per_second();
  out["busy"] = report.replies.busy;
  out["refused"] = report.replies.refused;
  out["unknown"] = report.replies.unknown;
  out["lost"] = report.lost;
  out["connections_lost"] = report.connections_lost;
  if (options.rate > 0) out["intended_per_second"] = options.rate;
  out["idle_connections"] = options.idle_connections;
  out["idle_lost"] = report.idle_lost;
  out["cpu_us_per_event"] = report.cpu_us_per_event();
  auto& latency = out["latency_ms"];
  for (const double share : kQuantiles)
    latency[fmt::format("p{:g}", share * 100)] = ms(report.latency.quantile_ns(share));
  latency["max"] = ms(report.latency.max_ns());
  if (!report.replies.first_error.empty()) out["first_error"] = report.replies.first_error;
  if (!report.trouble.empty()) out["trouble"] = report.trouble;
  // What a server says may be any bytes; JSON takes UTF-8 alone.
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace quipu
