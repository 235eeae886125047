#include "import/log_digest.h"

#include <openssl/evp.h>

#include <array>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quipu {
namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

}  // namespace

class LogDigest::State {
 public:
  XXH3_state_t hash{};
};

LogDigest::LogDigest() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
LogDigest::~LogDigest() = default;

void LogDigest::add(std::string_view line) {
  XXH3_128bits_update(&state_->hash, line.data(), line.size());
  XXH3_128bits_update(&state_->hash, "\n", 1);
}

std::string LogDigest::text() const {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(&state_->hash));
  return hex(static_cast<const unsigned char*>(bytes.digest), sizeof bytes.digest);
}

std::string source_of_first_line(std::string_view line) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_Digest(line.data(), line.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  return hex(bytes.data(), size);
}

}  // namespace quipu
