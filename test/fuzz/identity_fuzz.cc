#include <string>

#include "cluster/cluster_identity.h"
#include "fuzz/fuzz.h"
#include "node/directory_identity.h"

namespace quipu::fuzz {
namespace {

/// What is read is written as a text that is read as the same.
void check_directory(std::string_view text) {
  const auto identity = read_identity_text(text);
  if (!identity) {
    require(identity.error().what.starts_with("identity: "), "a refusal says what is refused");
    return;
  }
  require(identity->log.generation.value >= 1, "a log has a generation");
  require(identity->id_partitions >= 1 && identity->id_partitions <= identity->partitions, "ids have partitions");
  const auto again = read_identity_text(identity_text(*identity));
  require(again.has_value(), "what is written is read");
  require_same(identity_text(*again), identity_text(*identity), "and says the same");
}

void check_cluster(std::string_view text) {
  const auto identity = read_cluster_text(text);
  if (!identity) {
    require(!identity.error().what.empty(), "a refusal has a reason");
    return;
  }
  require(identity->log.generation.value >= 1, "a log has a generation");
  const auto again = read_cluster_text(cluster_text(*identity));
  require(again.has_value(), "what is written is read");
  require_same(cluster_text(*again), cluster_text(*identity), "and says the same");
  require(!read_cluster_text(migrating_text(*identity)), "nothing starts on a store that is being filled");
}

/// A checksum that is right behind any lines, as a program that wrote something else would have it.
std::string with_checksum(std::string_view lines) {
  std::string text = "quipu data directory\n";
  text += lines;
  return text + "checksum=" + hex_digits(hash64(as_bytes(text), 0)) + "\n";
}

LogIdentity log_of(Input& input) {
  LogIdentity log;
  for (auto& byte : log.random)
    byte = static_cast<std::remove_reference_t<decltype(byte)>>(input.number<std::uint8_t>());
  log.generation = Generation{1 + input.number<std::uint32_t>() % kGenerationMax};
  return log;
}

/// Any identity is read as it was written, and no one byte of it can be another.
void check_identity(Input& input) {
  DirectoryIdentity identity;
  identity.log = log_of(input);
  identity.node.node = input.number<std::uint64_t>();
  identity.node.boot = input.number<std::uint32_t>();
  identity.secret = {input.number<std::uint64_t>(), input.number<std::uint64_t>()};
  identity.partitions = static_cast<std::uint16_t>(1 + input.below(kPartitionsMax));
  identity.id_partitions = static_cast<std::uint16_t>(1 + input.below(identity.partitions));
  for (auto left = input.below(4); left > 0; --left) {
    identity.resp_namespaces.push_back(std::string(left, static_cast<char>('z' - left)));
  }
  if (input.flag()) identity.place.machine = hex_digits(input.number<std::uint64_t>());
  identity.place.inode = input.number<std::uint64_t>();
  for (auto* each : {&identity.place.inode_version, &identity.place.born_ns, &identity.place.filesystem}) {
    if (input.flag()) *each = input.number<std::uint64_t>();
  }
  identity.place.device = input.number<std::uint64_t>();

  auto text = identity_text(identity);
  const auto read = read_identity_text(text);
  require(read.has_value(), "an identity is read");
  require(identity_text(*read) == text && read->place == identity.place && read->log == identity.log,
          "as it was written");
  text[input.below(text.size())] ^= static_cast<char>(1 + input.below(255));
  require(!read_identity_text(text), "a byte that is another is found");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  Input input(data, size);
  switch (input.below(4)) {
    case 0:
      check_directory(input.rest());
      break;
    case 1:
      check_directory(with_checksum(input.rest()));
      break;
    case 2:
      check_cluster(input.rest());
      break;
    default:
      check_identity(input);
  }
  return 0;
}
