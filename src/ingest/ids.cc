#include "ingest/ids.h"

#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/planted.h"

namespace quipu {
namespace {

enum class Domain : std::uint8_t { kId = 1, kViewer = 2, kSource = 3 };

/// Hashes parts with their lengths before them, so that no two lists of parts give the same bytes.
class PartsHash {
 public:
  PartsHash(const HashSecret& secret, Domain domain) : secret_(secret) {
    append(secret.high);
    bytes_[size_++] = static_cast<std::byte>(domain);
  }
  void part(std::string_view text) {
    append(static_cast<std::uint64_t>(text.size()));
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void append(std::uint64_t value) {
    std::memcpy(bytes_.data() + size_, &value, sizeof(value));
    size_ += sizeof(value);
  }
  Hash128 finish() const { return hash128(ByteView(bytes_.data(), size_), secret_.low); }

 private:
  HashSecret secret_;
  std::array<std::byte, 64 + kNamespaceBytesMax + kCounterBytesMax + kIdBytesMax> bytes_;
  std::size_t size_ = 0;
};

}  // namespace

IdHash id_hash(const HashSecret& secret, std::string_view space, std::string_view counter, std::string_view id) {
  PartsHash hash(secret, Domain::kId);
  hash.part(space);
  hash.part(counter);
  hash.part(id);
  if (QUIPU_PLANTED("id-hash-truncated")) return {{hash.finish().low & 0xff, 0}, 0};
  return {hash.finish(), 0};
}

IdHash viewer_hash(const HashSecret& secret, std::string_view space, std::string_view counter, std::string_view viewer,
                   std::int64_t window) {
  PartsHash hash(secret, Domain::kViewer);
  hash.part(space);
  hash.part(counter);
  hash.part(viewer);
  hash.append(static_cast<std::uint64_t>(window));
  return {hash.finish(), 0};
}

std::uint32_t body_hash(std::int64_t delta, TimeMs given_time) {
  const std::array<std::int64_t, 2> body{delta, given_time};
  return static_cast<std::uint32_t>(hash64(ByteView(reinterpret_cast<const std::byte*>(body.data()), sizeof(body)), 0));
}

Hash128 source_hash(const HashSecret& secret, std::string_view space, std::string_view source) {
  PartsHash hash(secret, Domain::kSource);
  hash.part(space);
  hash.part(source);
  return hash.finish();
}

}  // namespace quipu
