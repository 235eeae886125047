#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/service.h"

namespace quipu {

struct ImportOptions {
  std::string space = "hits";
  std::string source;                 ///< "": each file's is made of its first line.
  std::string field;                  ///< Of JSON logs; "" looks for the usual ones.
  std::string state_directory;        ///< Where the notes are kept: see ImportRecord.
  bool unchecked = false;             ///< Go on behind what the service has, where no notes say what that was.
  bool anew = false;                  ///< Count from line 1 what a service does not know, though it was counted before.
  bool count_unfinished = false;      ///< Count a last line without an end, too.
  std::int64_t wait_ms_max = 30'000;  ///< How long to go on asking a service that is away or busy.
  std::uint64_t hash_seed = 0;
};

/// What became of one file so far.
struct ImportReport {
  std::string file;
  std::string source;
  std::uint64_t lines = 0;  ///< Complete ones, as read; the next three are parts of them.
  std::uint64_t already_counted = 0;
  std::uint64_t new_lines = 0;  ///< Counted by this run, durable.
  std::uint64_t broken = 0;
  bool unfinished = false;  ///< The file goes on behind its last line's end; that was not counted.
  std::uint64_t file_bytes_read = 0;
  std::optional<std::uint64_t> file_bytes;  ///< The file's size; nullopt for a pipe.
  std::uint64_t text_bytes = 0;             ///< As read, inflated.
};

/// Why a file was not counted to its end. What the report says is counted stays counted; the same command goes on.
struct ImportFailure {
  enum class Kind : std::uint8_t {
    kFile,      ///< It can not be opened or read.
    kOtherLog,  ///< It is not the log that was counted under its source.
    kNotes,     ///< The notes on this machine can not be used, or are missing.
    kService,   ///< See `outcome`.
    kInterrupted,
  };
  Kind kind = Kind::kService;
  ServiceOutcome outcome = ServiceOutcome::kDone;
  std::string what;
  std::string remedy;
};

/// What a run tells while it goes on. Every member may be empty.
struct ImportObserver {
  std::function<void(const ImportReport&)> progress;                      ///< After each chunk, and while it waits.
  std::function<void(const ImportReport&, const char* why)> broken_line;  ///< `lines` is the line's number.
  std::function<void(const std::string& what)> waiting;  ///< The service is away or busy; it will be asked again.
  std::function<bool()> interrupted;
};

/// Counts the lines of one log, `-` being standard input, each once (sequence_plan.h says how).
/// Blocks until it is done, fails or is interrupted. Fills `report` as it goes. nullopt: all of it is counted, durable.
std::optional<ImportFailure> import_log(const std::string& path, const ImportOptions& options, Service& service,
                                        const ImportObserver& observer, ImportReport& report);

}  // namespace quipu
