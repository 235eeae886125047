#include "node/directory_identity.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "node/identity_lines.h"

namespace quipu {
namespace {

constexpr std::string_view kTitle = "quipu data directory\n";
constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kChecksum = "checksum";

std::string optional_text(const std::optional<std::uint64_t>& value) { return value ? std::to_string(*value) : ""; }

/// The lines of a text whose checksum is right.
Result<std::string_view> checked(std::string_view text) {
  const auto at = text.rfind(kChecksum);
  if (!text.starts_with(kTitle) || at == std::string_view::npos) {
    return failure(Code::kDamaged, "identity: it is cut off, or it is not the identity of a data directory");
  }
  const auto body = text.substr(0, at);
  if (text.substr(at) != std::string(kChecksum) + "=" + hex_digits(hash64(as_bytes(body), 0)) + "\n") {
    return failure(Code::kDamaged, "identity: its checksum is wrong: it was altered or damaged");
  }
  return body.substr(kTitle.size());
}

}  // namespace

std::string namespaces_text(std::vector<std::string> namespaces) {
  std::sort(namespaces.begin(), namespaces.end());
  namespaces.erase(std::unique(namespaces.begin(), namespaces.end()), namespaces.end());
  std::string text;
  for (const auto& name : namespaces) {
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

std::string identity_text(const DirectoryIdentity& identity) {
  std::string text(kTitle);
  const auto line = [&text](std::string_view name, std::string_view value) {
    text.append(name).append("=").append(value).append("\n");
  };
  line("version", std::to_string(kVersion));
  line("log.random", random_text(identity.log));
  line("log.generation", std::to_string(identity.log.generation.value));
  line("node", std::to_string(identity.node.node));
  line("boot", std::to_string(identity.node.boot));
  line("secret", secret_text(identity.secret));
  line("partitions", std::to_string(identity.partitions));
  line("partitions.first", std::to_string(identity.id_partitions));
  line("resp.namespaces", namespaces_text(identity.resp_namespaces));
  line("place.machine", identity.place.machine);
  line("place.inode", std::to_string(identity.place.inode));
  line("place.inode_version", optional_text(identity.place.inode_version));
  line("place.born", optional_text(identity.place.born_ns));
  line("place.filesystem", optional_text(identity.place.filesystem));
  line("place.device", std::to_string(identity.place.device));
  line(kChecksum, hex_digits(hash64(as_bytes(text), 0)));
  return text;
}

Result<DirectoryIdentity> read_identity_text(std::string_view text) {
  const auto body = checked(text);
  if (!body) return std::unexpected(body.error());
  IdentityLines lines(*body);
  const auto version = lines.decimal("version", std::numeric_limits<std::uint64_t>::max());
  if (!lines.error() && version != kVersion) {
    return failure(Code::kRefused, "identity: it has version " + std::to_string(version) +
                                       ", this program reads version " + std::to_string(kVersion) +
                                       ": use the program that wrote it");
  }
  DirectoryIdentity identity;
  identity.log = lines.log("log.random", "log.generation");
  identity.node.node = lines.decimal("node", std::numeric_limits<std::uint64_t>::max());
  identity.node.boot = static_cast<std::uint32_t>(lines.decimal("boot", std::numeric_limits<std::uint32_t>::max()));
  identity.secret = lines.secret("secret");
  identity.partitions = static_cast<std::uint16_t>(lines.decimal("partitions", kPartitionsMax));
  identity.id_partitions = static_cast<std::uint16_t>(lines.decimal("partitions.first", identity.partitions));
  identity.resp_namespaces = lines.list("resp.namespaces");
  identity.place.machine = lines.take("place.machine");
  identity.place.inode = lines.decimal("place.inode", std::numeric_limits<std::uint64_t>::max());
  identity.place.inode_version = lines.optional("place.inode_version");
  identity.place.born_ns = lines.optional("place.born");
  identity.place.filesystem = lines.optional("place.filesystem");
  identity.place.device = lines.decimal("place.device", std::numeric_limits<std::uint64_t>::max());
  lines.end();
  if (identity.id_partitions == 0) lines.wrong("partitions.first");
  if (lines.error()) return std::unexpected(*lines.error());
  return identity;
}

}  // namespace quipu
