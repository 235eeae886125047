#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// What all processes that share a log agree on, kept in the store as the setting kClusterSetting
/// (docs/formats/identity.md). The first process puts it there, the others go by it.
struct ClusterIdentity {
  LogIdentity log;
  HashSecret secret;
  std::uint16_t id_partitions = 0;  ///< P0: how many partitions the log had when it was made.
  std::vector<std::string> resp_namespaces;

  friend bool operator==(const ClusterIdentity&, const ClusterIdentity&) = default;
};

/// What all agree on once they count from another log, which has so many partitions; the rest stays. `before`, where
/// that is the same topic.
ClusterIdentity counting_from(ClusterIdentity before, const LogIdentity& log, std::uint16_t partitions);

inline constexpr std::string_view kClusterSetting = "cluster";

/// The setting's text.
std::string cluster_text(const ClusterIdentity& identity);

/// The text that stands there while `quipu store migrate` fills the store: read_cluster_text refuses it, so nothing
/// starts on half of the totals. `from` says which directory is brought in: another one can not take its place.
std::string migrating_text(const ClusterIdentity& from);

/// kRefused for migrating_text. kDamaged, naming the line, when it is not what cluster_text writes; kRefused when a
/// newer version wrote it.
Result<ClusterIdentity> read_cluster_text(std::string_view text);

/// What a store's settings say; nullopt where no process has begun yet. Errors as of read_cluster_text.
Result<std::optional<ClusterIdentity>> cluster_identity_in(
    std::span<const std::pair<std::string, std::string>> settings);

}  // namespace quipu
