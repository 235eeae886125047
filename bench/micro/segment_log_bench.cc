// The segment log on a real disk: one commit of so many KiB of frames, from submit until it is durable. The files go
// below QUIPU_BENCH_DIR, or the current directory.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <string>
#include <vector>

#include "event/frame.h"
#include "load/load_requests.h"
#include "log/posix_log_disk.h"
#include "log/segment_log.h"

namespace quipu {
namespace {

/// A directory that goes with its owner.
class Directory {
 public:
  Directory() {
    const char* root = std::getenv("QUIPU_BENCH_DIR");
    path_ = std::string(root != nullptr ? root : ".") + "/segment-log-XXXXXX";
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  ~Directory() {
    if (made_) std::filesystem::remove_all(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  bool made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

Bytes frame_of(std::size_t bytes) {
  FrameEncoder encoder;
  FrameHeader header;
  header.number = 1;
  encoder.begin(header);
  Entry entry;
  entry.space = "views";
  entry.delta = 1;
  entry.events = 1;
  for (std::uint64_t i = 0; encoder.size() < bytes; ++i) {
    const auto name = key_name(i, 20);
    entry.counter = name;
    encoder.add(entry);
  }
  const auto made = encoder.finish();
  return {made.begin(), made.end()};
}

void log_commit(benchmark::State& state) {
  const Directory directory;
  if (!directory.made()) return state.SkipWithError("the directory can not be made");
  std::counting_semaphore<> woken(0);
  auto disk = PosixLogDisk::open(directory.path() + "/log", {.wake = [&] { woken.release(); }});
  if (!disk) return state.SkipWithError(disk.error().what.c_str());
  SegmentLogOptions options;
  options.identity.random[0] = std::byte{1};
  options.identity.generation = Generation(1);
  options.retain_bytes = std::uint64_t{256} << 20;
  auto log = SegmentLog::open(**disk, options, 0);
  if (!log) return state.SkipWithError(log.error().what.c_str());
  const auto frame = frame_of(static_cast<std::size_t>(state.range(0)) << 10);
  std::vector<LogCompletion> done;
  std::uint64_t token = 0;
  for (auto _ : state) {
    const auto offset = (*log)->reserve(PartitionId(0));
    if (!(*log)->submit(PartitionId(0), frame, ++token)) return state.SkipWithError("a frame was not taken");
    (*log)->commit();
    done.clear();
    while (done.empty()) {
      (*log)->take_completions(done);
      if (done.empty()) woken.acquire();
    }
    if (!done[0].offset) return state.SkipWithError(done[0].offset.error().what.c_str());
    if (offset) (*log)->allow_trim(*offset);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frame.size()));
}
BENCHMARK(log_commit)->Arg(1)->Arg(16)->Arg(256)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace quipu
