#include "node/directory_identity.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>

#include "base/bytes.h"

namespace quipu {
namespace {

constexpr std::string_view kTitle = "quipu data directory\n";
constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kChecksum = "checksum";

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Reads the lines in their order. After the first that is wrong it answers zeros and keeps what was wrong.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  std::string_view take(std::string_view name) {
    if (error_) return {};
    const auto end = text_.find('\n');
    const auto line = text_.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(name) || !line.substr(name.size()).starts_with('=')) {
      wrong(name);
      return {};
    }
    text_.remove_prefix(end + 1);
    return line.substr(name.size() + 1);
  }
  std::uint64_t decimal(std::string_view name, std::uint64_t max) {
    const auto value = number(take(name), 10);
    if (!value || *value > max) wrong(name);
    return value.value_or(0);
  }
  /// Two numbers of 16 hexadecimal digits each.
  std::pair<std::uint64_t, std::uint64_t> wide(std::string_view name) {
    const auto text = take(name);
    if (text.size() != 32) wrong(name);
    if (error_) return {};
    const auto first = number(text.substr(0, 16), 16);
    const auto second = number(text.substr(16), 16);
    if (!first || !second) wrong(name);
    return {first.value_or(0), second.value_or(0)};
  }
  std::optional<std::uint64_t> optional(std::string_view name) {
    const auto text = take(name);
    if (text.empty()) return std::nullopt;
    const auto value = number(text, 10);
    if (!value) wrong(name);
    return value;
  }
  void wrong(std::string_view name) {
    if (!error_) error_ = Error{Code::kDamaged, "identity: the line " + std::string(name) + " is missing or wrong", 0};
  }
  void end() {
    if (!text_.empty()) wrong("behind the last");
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::string_view text_;
  std::optional<Error> error_;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

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
  std::uint64_t random[2];
  std::memcpy(random, identity.log.random.data(), sizeof(random));
  std::string text(kTitle);
  const auto line = [&text](std::string_view name, std::string_view value) {
    text.append(name).append("=").append(value).append("\n");
  };
  line("version", std::to_string(kVersion));
  line("log.random", hex_digits(std::byteswap(random[0])) + hex_digits(std::byteswap(random[1])));  // Byte by byte.
  line("log.generation", std::to_string(identity.log.generation.value));
  line("node", std::to_string(identity.node.node));
  line("boot", std::to_string(identity.node.boot));
  line("secret", hex_digits(identity.secret.low) + hex_digits(identity.secret.high));
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
  Lines lines(*body);
  const auto version = lines.decimal("version", std::numeric_limits<std::uint64_t>::max());
  if (!lines.error() && version != kVersion) {
    return failure(Code::kRefused, "identity: it has version " + std::to_string(version) +
                                       ", this program reads version " + std::to_string(kVersion) +
                                       ": use the program that wrote it");
  }
  DirectoryIdentity identity;
  const auto [first, second] = lines.wide("log.random");
  const std::uint64_t random[2] = {std::byteswap(first), std::byteswap(second)};
  std::memcpy(identity.log.random.data(), random, sizeof(random));
  identity.log.generation = Generation{static_cast<std::uint32_t>(lines.decimal("log.generation", kGenerationMax))};
  identity.node.node = lines.decimal("node", std::numeric_limits<std::uint64_t>::max());
  identity.node.boot = static_cast<std::uint32_t>(lines.decimal("boot", std::numeric_limits<std::uint32_t>::max()));
  std::tie(identity.secret.low, identity.secret.high) = lines.wide("secret");
  identity.partitions = static_cast<std::uint16_t>(lines.decimal("partitions", kPartitionsMax));
  identity.id_partitions = static_cast<std::uint16_t>(lines.decimal("partitions.first", identity.partitions));
  identity.resp_namespaces = split(lines.take("resp.namespaces"));
  identity.place.machine = lines.take("place.machine");
  identity.place.inode = lines.decimal("place.inode", std::numeric_limits<std::uint64_t>::max());
  identity.place.inode_version = lines.optional("place.inode_version");
  identity.place.born_ns = lines.optional("place.born");
  identity.place.filesystem = lines.optional("place.filesystem");
  identity.place.device = lines.decimal("place.device", std::numeric_limits<std::uint64_t>::max());
  lines.end();
  if (identity.id_partitions == 0) lines.wrong("partitions.first");
  if (identity.log.generation.value == 0) lines.wrong("log.generation");
  if (lines.error()) return std::unexpected(*lines.error());
  return identity;
}

}  // namespace quipu
