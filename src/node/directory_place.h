#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace quipu {

/// Where a directory is, in terms that stay the same when its file system is mounted again and differ for a copy.
///
/// A number that the system or the file system does not have is nullopt, and is then not compared.
struct DirectoryPlace {
  std::string machine;  ///< A hash of the machine's id; "" = it has none.
  std::uint64_t inode = 0;
  std::optional<std::uint64_t> inode_version;  ///< Tells an inode from another that had its number before.
  std::optional<std::uint64_t> born_ns;        ///< When the inode was made, in nanoseconds since 1970.
  std::optional<std::uint64_t> filesystem;     ///< The file system's own id, where it does not come from the device.
  std::uint64_t device = 0;                    ///< May change with every mount: compared only where nothing better is.

  friend bool operator==(const DirectoryPlace&, const DirectoryPlace&) = default;
};

/// `is`, and what is not known there as it was.
DirectoryPlace completed(DirectoryPlace is, const DirectoryPlace& was);

/// 16 hexadecimal digits, the highest first.
std::string hex_digits(std::uint64_t value);

/// Asks the system. `machine_id_file` is /etc/machine-id but in tests.
Result<DirectoryPlace> place_of(const std::string& directory, const std::string& machine_id_file);

/// What differs, as words for an operator (`inode 17, was 12; machine id`); "" when both can be one place.
std::string differences(const DirectoryPlace& was, const DirectoryPlace& is);

}  // namespace quipu
