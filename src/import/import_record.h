#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "import/sequence_plan.h"

namespace quipu {

/// A place in a log: behind so many complete lines, which have this digest.
struct LogPlace {
  std::uint64_t lines = 0;
  std::string digest;

  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

/// What was counted of a source, as this machine remembers it. The service knows how far; this knows of what.
struct ImportNotes {
  LogPlace counted;                    ///< Surely counted.
  std::optional<LogPlace> sending;     ///< Was being sent: counted perhaps, whole or in part ...
  ChunkForm form = ChunkForm::kPaths;  ///< ... in this form.
};

/// The notes on one source, in a file that is replaced as a whole:
/// `<state directory>/import/<hash of server, namespace and source>.json`.
///
/// Promise: one process at a time has them; a crash leaves the old or the new notes. They are not synced: after a power
/// cut they may be old, gone or unreadable, and then an import refuses to go on by itself, it does not count wrongly.
/// Thread: one at a time. Waits for the disk.
class ImportRecord {
 public:
  /// Makes the directory (mode 0700) where it is not there. kRefused: another import of the source is under way here.
  /// kDamaged: the directory or the file can not be used, with the way out.
  static Result<ImportRecord> open(const std::string& state_directory, const std::string& server,
                                   const std::string& space, const std::string& source);
  ~ImportRecord();
  ImportRecord(ImportRecord&& other) noexcept;
  ImportRecord& operator=(ImportRecord&&) = delete;

  /// What was noted; nullopt where nothing is.
  const std::optional<ImportNotes>& notes() const { return notes_; }
  Result<void> write(const ImportNotes& notes);

  const std::string& path() const { return path_; }

 private:
  ImportRecord() = default;
  Result<void> read();

  std::string path_;
  std::string server_;
  std::string space_;
  std::string source_;
  int lock_ = -1;
  std::optional<ImportNotes> notes_;
};

}  // namespace quipu
