#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/config_keys.h"

namespace quipu {

/// Bytes of a configuration file. Beyond: refused.
inline constexpr std::size_t kConfigFileBytesMax = std::size_t{8} << 20;

/// One line of a configuration file, with the tables around it written out: `log.partitions`.
struct FileEntry {
  std::string name;
  KeyValue value;
  std::uint32_t line = 0;    ///< From 1.
  bool empty_table = false;  ///< `[namespaces.videos]` without a key: it exists, with every default.
};

/// Reads TOML. `file` names it in errors. kRefused with file and line where it is not TOML, or where a value is of a
/// kind that no key takes, such as a date.
Result<std::vector<FileEntry>> parse_config_text(std::string_view text, std::string_view file);

/// Reads the whole file and parses it. kNotFound where it can not be read, kRefused where it is too long.
Result<std::vector<FileEntry>> read_config_file(const std::string& path);

}  // namespace quipu
