#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// How far a file is.
struct FileProgress {
  std::string_view name;
  std::uint64_t done_bytes = 0;            ///< Of the file as it lies there.
  std::optional<std::uint64_t> all_bytes;  ///< nullopt: nobody knows.
  double seconds = 0;                      ///< Since it was begun.
};

/// `access.log [#########           ]  45% 472.1 MB of 1.0 GB, 138.2 MB/s, 4 s left`: one line of at most `columns`
/// characters, without its end. Where room is short the name loses its beginning first, then the bar goes.
std::string progress_line(const FileProgress& progress, std::size_t columns);

/// Bytes for people: `472.1 MB`; a MB is 1,000,000 bytes.
std::string format_amount(double bytes);

}  // namespace quipu
