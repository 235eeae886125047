#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quipu {

/// A line longer than this is cut, and is broken: no request has a path like that.
inline constexpr std::size_t kLogLineBytesMax = std::size_t{1} << 20;

/// The lines of a log, in order: of a file, of a gzip file (told by its first bytes, whatever its name; several members
/// one behind the other as well), or of standard input, named `-`.
///
/// Memory: bounded by the longest line and two blocks. Thread: one at a time. Blocks on the disk or the pipe.
/// Errors name the file: kNotFound where it can not be opened, kDamaged where it can not be read or inflated. The end
/// of a file is where it ended when it was reached: what is appended later is for the next run. While a pipe gives
/// nothing, `interrupted` is asked ten times a second; where it says yes, the wait ends with kRefused.
class LogFile {
 public:
  static Result<LogFile> open(const std::string& path, std::function<bool()> interrupted = {});
  ~LogFile();
  LogFile(LogFile&&) noexcept;
  LogFile& operator=(LogFile&&) noexcept;

  /// The next complete line, without its end; nullopt at the end of the file. Lives until the next call.
  Result<std::optional<std::string_view>> next_line();
  /// Whether the line that `next_line` gave last was cut.
  bool line_cut() const;
  /// At the end of the file: what stands behind the last line's end, a line that is perhaps still being written.
  std::string_view unfinished_line() const;

  std::uint64_t bytes_read() const;                 ///< Of the file as it lies there.
  std::uint64_t text_bytes() const;                 ///< Of its text, inflated.
  std::optional<std::uint64_t> file_bytes() const;  ///< The size of a file; nullopt for a pipe.

 private:
  class State;
  explicit LogFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace quipu
