#include "node/serve.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "engine/commit_pacer.h"
#include "node/embedded.h"
#include "node/host.h"
#include "node/metrics.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

void tell_cut(const SegmentLog& log) {
  const auto cut = log.cut();
  if (!cut) return;
  spdlog::warn("the log ended in a torn write that nobody was told of: {} bytes are cut from segment {} at byte {}",
               cut->bytes, cut->segment.value, cut->at);
}

Result<int> run(const Config& config) {
  if (auto ready = set_up_process(config); !ready) return std::unexpected(ready.error());
  Host host(config);
  if (auto opened = host.open(); !opened) return std::unexpected(opened.error());
  auto opened = Embedded::open(config, [&host] { host.wake(); });
  if (!opened) return std::unexpected(opened.error());
  Embedded& parts = **opened;
  Engine& engine = parts.engine();
  if (auto started = engine.start(wall_clock_ms()); !started) return std::unexpected(started.error());
  CommitPacer pacer(config.log_commit_wait_us);
  const EngineStats& counted = engine.counted();
  auto listening = host.listen({
      .service = engine,
      .graph = parts.graph(),
      .crossings = ServersGraph{"C++23, HTTP/1.1 and RESP in the process", counted, counted.frames_written,
                                counted.counters_missed},
      .form = "Embedded",
      .whole = true,
      .resp_namespaces = config.resp_namespaces,
      .metrics = [&engine](const ServerStats& servers) { return metrics_text(engine.stats(), servers); },
      .ready =
          [&] {
            tell_cut(parts.log());
            return fmt::format("data in {}, {} counters, log at offset {}", parts.directory().path(),
                               engine.stats().counters, engine.newest().value);
          },
      .unfinished = "not everything reached the store in time; the log has it, and the next start reads it",
      .commit_wait_us =
          [&](std::int64_t now_us) { return pacer.wait(now_us, engine.events_taken(), engine.commits_begun()); },
  });
  if (!listening) return std::unexpected(listening.error());
  return host.run();
}

}  // namespace

int serve(const Config& config) {
  const auto code = run(config);
  if (code) return *code;
  spdlog::error("{}", code.error().what);
  return EXIT_FAILURE;
}

}  // namespace quipu
