#include "node/serve.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/phases.h"
#include "engine/engine.h"
#include "log/posix_log_disk.h"
#include "log/segment_log.h"
#include "net/http_session.h"
#include "net/resp_session.h"
#include "net/tcp_server.h"
#include "node/data_directory.h"
#include "node/engine_setup.h"
#include "node/event_loop.h"
#include "node/metrics.h"
#include "node/node_clock.h"
#include "store/rocksdb_store.h"

namespace quipu {
namespace {

/// How long a graceful stop may take.
constexpr std::int64_t kStopMs = 30'000;
/// How long the answers of a failed log get to leave.
constexpr std::int64_t kFailMs = 1'000;

/// The parts of the embedded service, in the order in which they stand on each other.
class Node {
 public:
  explicit Node(const Config& config) : config_(config) {}

  Result<void> open();
  int run();

 private:
  Result<void> open_log();
  Result<void> listen();
  void stop();
  void turn();
  bool stopped(TimeMs now) const;
  int fail();
  ServerStats server_stats() const;

  const Config& config_;
  EventLoop loop_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<RocksdbStore> store_;
  std::unique_ptr<PosixLogDisk> disk_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<TcpServer> http_;
  std::unique_ptr<TcpServer> resp_;
  Offset released_{};
  TimeMs next_step_ = 0;
  TimeMs stop_by_ = 0;  // 0: no stop was asked for.
  bool ready_told_ = false;
};

}  // namespace

int serve(const Config& config) {
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  std::signal(SIGPIPE, SIG_IGN);
  if (!config.phases_file.empty()) {
    if (auto published = publish_phases(config.phases_file); !published) {
      spdlog::error("diagnostics.phases_file: {}", published.error().what);
      return EXIT_FAILURE;
    }
  }
  Node node(config);
  if (auto opened = node.open(); !opened) {
    spdlog::error("{}", opened.error().what);
    return EXIT_FAILURE;
  }
  return node.run();
}

}  // namespace quipu
