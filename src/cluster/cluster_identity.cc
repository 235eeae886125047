#include "cluster/cluster_identity.h"

#include <limits>

#include "node/directory_identity.h"
#include "node/identity_lines.h"

namespace quipu {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kMigrating = "migrating\n";

}  // namespace

ClusterIdentity counting_from(ClusterIdentity before, const LogIdentity& log, std::uint16_t partitions) {
  if (before.log.random == log.random) return before;
  before.log = log;
  before.id_partitions = partitions;
  return before;
}

Result<std::optional<ClusterIdentity>> cluster_identity_in(
    std::span<const std::pair<std::string, std::string>> settings) {
  for (const auto& [name, text] : settings) {
    if (name != kClusterSetting) continue;
    auto identity = read_cluster_text(text);
    if (!identity) return std::unexpected(identity.error());
    return std::optional(std::move(*identity));
  }
  return std::optional<ClusterIdentity>();
}

std::string cluster_text(const ClusterIdentity& identity) {
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text.append(name).append("=").append(value).append("\n");
  };
  line("version", std::to_string(kVersion));
  line("log.random", random_text(identity.log));
  line("log.generation", std::to_string(identity.log.generation.value));
  line("secret", secret_text(identity.secret));
  line("partitions.first", std::to_string(identity.id_partitions));
  line("resp.namespaces", namespaces_text(identity.resp_namespaces));
  return text;
}

std::string migrating_text(const ClusterIdentity& from) { return std::string(kMigrating) + cluster_text(from); }

Result<ClusterIdentity> read_cluster_text(std::string_view text) {
  if (text.starts_with(kMigrating)) {
    return failure(Code::kRefused,
                   "the totals of a data directory are being brought into the store, or were until that was "
                   "interrupted: run the same `quipu store migrate` again");
  }
  IdentityLines lines(text);
  const auto version = lines.decimal("version", std::numeric_limits<std::uint64_t>::max());
  if (!lines.error() && version != kVersion) {
    return failure(Code::kRefused, "the store's identity has version " + std::to_string(version) +
                                       ", this program reads version " + std::to_string(kVersion) +
                                       ": use the program that wrote it");
  }
  ClusterIdentity identity;
  identity.log = lines.log("log.random", "log.generation");
  identity.secret = lines.secret("secret");
  identity.id_partitions = static_cast<std::uint16_t>(lines.decimal("partitions.first", kPartitionsMax));
  identity.resp_namespaces = lines.list("resp.namespaces");
  lines.end();
  if (identity.id_partitions == 0) lines.wrong("partitions.first");
  if (lines.error()) return failure(Code::kDamaged, "the store's " + lines.error()->what);
  return identity;
}

}  // namespace quipu
