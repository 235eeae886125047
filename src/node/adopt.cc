#include "node/adopt.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

#include "aggregate/partition_state.h"
#include "engine/engine.h"
#include "log/posix_log_disk.h"
#include "node/bring_in.h"
#include "node/data_directory.h"
#include "node/doorbell.h"
#include "node/engine_setup.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "store/rocksdb_store.h"

namespace quipu {
namespace {

/// How far the store has counted the frames of a generation, over all partitions.
struct Counted {
  Offset by_all{};
  Offset by_any{};
};

Result<Counted> counted_by(RocksdbStore& store, Generation generation, std::uint16_t partitions) {
  const auto marks = store.watermarks();
  if (!marks) return std::unexpected(marks.error());
  Counted counted;
  Offset least{std::numeric_limits<std::uint64_t>::max()};
  std::size_t count = 0;
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) != generation) continue;
    least = std::min(least, mark.offset);
    counted.by_any = std::max(counted.by_any, mark.offset);
    ++count;
  }
  if (count == partitions) counted.by_all = least;
  return counted;
}

/// Where the old log is: set aside already by a run that did not end, or in its place.
Result<std::string> old_log_dir(const DataDirectory& directory) {
  std::error_code error;
  for (const auto& path : {directory.aside_dir(), directory.log_dir()}) {
    const bool there = std::filesystem::is_directory(path, error);
    if (there) return path;
    if (error && error != std::errc::no_such_file_or_directory) {
      return failure(Code::kDamaged, "cannot look for " + path + ": " + error.message());
    }
  }
  return std::string();
}

/// Counts what can be read of the old log, and says in `report` how far that went.
Result<void> salvage(const Config& config, const DataDirectory& directory, NewGeneration& report) {
  Doorbell bell;
  RocksdbStoreOptions store_options;
  store_options.wake = [&bell] { bell.ring(); };
  auto store = RocksdbStore::open(directory.store_dir(), directory.bases_dir(), std::move(store_options));
  if (!store) return std::unexpected(store.error());
  const auto& identity = directory.log_identity();
  const auto counted = counted_by(**store, identity.generation, directory.partitions());
  if (!counted) return std::unexpected(counted.error());

  const auto path = old_log_dir(directory);
  if (!path) return std::unexpected(path.error());
  // Only one that is there: opening a disk makes its directory.
  std::unique_ptr<PosixLogDisk> disk;
  if (!path->empty()) {
    auto opened = PosixLogDisk::open(*path, {});
    if (!opened) return std::unexpected(opened.error());
    disk = std::move(*opened);
    spdlog::info("reading what can be read of {}; the store has everything up to offset {} of generation {}", *path,
                 counted->by_all.value, identity.generation.value);
  }
  SalvageOptions salvage_options;
  salvage_options.identity = identity;
  salvage_options.partitions = directory.partitions();
  salvage_options.counted = counted->by_all;
  salvage_options.counted_newest = counted->by_any;
  auto log = SalvagedLog::open(disk.get(), salvage_options);
  if (!log) return std::unexpected(log.error());

  auto options = engine_options(config, directory.secret(), directory.node(), directory.id_partitions());
  // A base is of no use to a log that ends here.
  options.base_log_bytes = std::numeric_limits<std::size_t>::max();
  options.base_interval_ms = std::numeric_limits<std::int64_t>::max();
  Engine engine(options, *log, **store);
  if (auto done = bring_in(engine, bell); !done) {
    return failure(done.error().code, done.error().what +
                                          ". To give up all of the log that is not in the store, move " +
                                          (path->empty() ? directory.log_dir() : *path) + " away and run this again");
  }
  report.counted = engine.durable();
  report.lost = log->lost();
  report.passed_over = log->passed_over();
  return {};
}

void tell_losses(const NewGeneration& report) {
  if (report.passed_over) {
    const auto& hole = *report.passed_over;
    spdlog::warn("not readable: {}", hole.reason);
    spdlog::warn(
        "offsets {} to {} were in the store already, so their counts are kept; but an event behind them that repeats "
        "an "
        "id in them can have been counted twice",
        hole.from.value, hole.to.value);
  }
  if (!report.lost) {
    spdlog::info("nothing of the old log is lost: it was read to its end, offset {}", report.counted.value);
    return;
  }
  const auto& hole = *report.lost;
  spdlog::warn("not readable: {}", hole.reason);
  if (hole.certain()) {
    spdlog::warn("given up: offsets {} to {}. Counts of events in them that were not yet flushed are lost",
                 hole.from.value, hole.to.value);
  } else {
    spdlog::warn(
        "given up: everything from offset {} on, if there was anything. Counts of events in it that were not yet "
        "flushed are lost; nothing that is readable shows that there were any",
        hole.from.value);
  }
}

int accept_place(const Config& config) {
  const auto adopted = DataDirectory::adopt(config.data_dir, DataDirectory::Log::kSame);
  if (!adopted) {
    spdlog::error("{}", adopted.error().what);
    return EXIT_FAILURE;
  }
  spdlog::info("{} is accepted where it is: it is node {} now, was node {}, and its log goes on in generation {}",
               config.data_dir, adopted->after.node.node, adopted->before.node.node,
               adopted->after.log.generation.value);
  spdlog::warn("the directory that it was copied from must never be served again");
  return EXIT_SUCCESS;
}

int give_up_damage(const Config& config) {
  const auto report = begin_new_generation(config);
  if (!report) {
    spdlog::error("{}", report.error().what);
    return EXIT_FAILURE;
  }
  tell_losses(*report);
  if (!report->old_log.empty()) {
    spdlog::info("the old log is in {}; remove it when nobody needs it any more", report->old_log);
  }
  spdlog::warn("ids that were sent before are not recognised from now on: an event with one is counted again");
  spdlog::info("the next start begins generation {}; all totals stay as they are", report->generation.value);
  return EXIT_SUCCESS;
}

}  // namespace

Result<NewGeneration> begin_new_generation(const Config& config) {
  auto directory = DataDirectory::hold(config.data_dir);
  if (!directory) return std::unexpected(directory.error());
  if (directory->log_identity().generation.value >= kGenerationMax) {
    return failure(Code::kRefused, directory->path() + " has had as many logs as can be counted");
  }
  NewGeneration report;
  // First the store has all of it, synced; then the old log goes; then, at once, the new one is the directory's.
  if (auto salvaged = salvage(config, *directory, report); !salvaged) return std::unexpected(salvaged.error());
  if (const auto aside = directory->set_aside_log(); aside) {
    report.old_log = *aside;
  } else if (aside.error().code != Code::kNotFound) {
    return std::unexpected(aside.error());
  }
  const auto adopted = directory->adopt(DataDirectory::Log::kNew);
  if (!adopted) return std::unexpected(adopted.error());
  report.generation = adopted->after.log.generation;
  return report;
}

int adopt_log(const Config& config, bool new_generation) {
  set_up_log_lines(config);
  // It may be ended at any moment, and run again.
  std::signal(SIGINT, SIG_DFL);
  return new_generation ? give_up_damage(config) : accept_place(config);
}

}  // namespace quipu
