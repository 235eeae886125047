#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "node/directory_place.h"

namespace quipu {

/// What a data directory is, as its file `identity` keeps it (docs/formats/identity.md).
struct DirectoryIdentity {
  LogIdentity log;
  NodeIdentity node;
  HashSecret secret;
  std::uint16_t partitions = 0;
  std::uint16_t id_partitions = 0;  ///< P0: how many there were when the log was made; ids and sources keep to these.
  std::vector<std::string> resp_namespaces;
  DirectoryPlace place;

  friend bool operator==(const DirectoryIdentity&, const DirectoryIdentity&) = default;
};

/// The text of the file, checksum included.
std::string identity_text(const DirectoryIdentity& identity);

/// kDamaged, naming the line, when it is not what identity_text writes; kRefused when a newer version wrote it.
Result<DirectoryIdentity> read_identity_text(std::string_view text);

/// A list of namespaces as the file keeps it: sorted, each once, joined by commas.
std::string namespaces_text(std::vector<std::string> namespaces);

}  // namespace quipu
