#include "ingest/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

bool is_key_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/").find(c) != std::string_view::npos;
}

std::optional<Right> right_of(std::string_view name) {
  for (const Right right : {Right::kIngest, Right::kRead, Right::kAdmin}) {
    if (name == right_name(right)) return right;
  }
  return std::nullopt;
}

std::unexpected<Error> refused(const std::string& where, const std::string& what) {
  return failure(Code::kRefused, where + ": " + what);
}

/// A word of a file, short enough for an error, without what a terminal would take as a command. It may be a key that
/// stands in the wrong place, so at most the first letters are shown.
std::string shown(std::string_view word) {
  constexpr std::size_t kShown = 12;
  std::string text(word.substr(0, kShown));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + text + (word.size() > kShown ? "...'" : "'");
}

Result<Rights> parse_rights(std::string_view list, const std::string& where) {
  Rights rights;
  while (true) {
    const auto end = std::min(list.find(','), list.size());
    const auto right = right_of(list.substr(0, end));
    if (!right) {
      return refused(where, "unknown right " + shown(list.substr(0, end)) + "; there are ingest, read and admin");
    }
    if (rights.has(*right)) return refused(where, std::string("the right ") + right_name(*right) + " stands twice");
    rights.add(*right);
    if (end == list.size()) return rights;
    list.remove_prefix(end + 1);
  }
}

Result<void> check_key(std::string_view key, const std::string& where) {
  if (key.size() < kApiKeyBytesMin || key.size() > kApiKeyBytesMax) {
    return refused(where, "the key has " + std::to_string(key.size()) + " letters, 24 to 256 are allowed");
  }
  const auto letters = key.substr(0, key.find_last_not_of('=') + 1);  // As in base64, = may fill up the end.
  if (letters.empty() || !std::ranges::all_of(letters, is_key_letter)) {
    return refused(where, "the key may hold only letters, digits and - . _ ~ + /, and = at its end");
  }
  return {};
}

}  // namespace

const char* right_name(Right right) {
  switch (right) {
    case Right::kIngest:
      return "ingest";
    case Right::kRead:
      return "read";
    case Right::kAdmin:
      break;
  }
  return "admin";
}

ApiKeys::Digest ApiKeys::digest_of(std::string_view key) const {
  Digest digest{};
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
                          reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data(), &size);
  QUIPU_CHECK(done != nullptr && size == digest.size());
  return digest;
}

Result<void> ApiKeys::add_line(std::string_view line, std::string where) {
  const auto blank = line.find_first_of(kBlanks);
  if (blank == std::string_view::npos) {
    return refused(where, "this is not RIGHTS KEY, such as `ingest,read` and, behind a blank, the key");
  }
  const auto rights = parse_rights(line.substr(0, blank), where);
  if (!rights) return std::unexpected(rights.error());
  const auto key = trimmed(line.substr(blank));
  if (auto sound = check_key(key, where); !sound) return sound;
  const auto digest = digest_of(key);
  if (const auto twin = std::ranges::find(keys_, digest, &Stored::digest); twin != keys_.end()) {
    return refused(where, "the key stands at " + twin->where + " already");
  }
  if (keys_.size() == kApiKeysMax) return refused(where, "there are more than 100 keys");
  keys_.push_back({digest, *rights, std::move(where)});
  return {};
}

Result<void> ApiKeys::add(std::string_view text, std::string_view where) {
  const auto before = keys_.size();
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto first = text.find_first_not_of(kBlanks);
    const bool comment = first != std::string_view::npos && text[first] == '#';
    const auto end = std::min(text.find_first_of(comment ? "\n" : "\n;"), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || comment) continue;
    auto place = std::string(where) + ":" + std::to_string(number);
    if (auto added = add_line(line, std::move(place)); !added) return added;
  }
  if (keys_.size() == before) return refused(std::string(where), "holds no key");
  return {};
}

std::optional<Rights> ApiKeys::rights_of(std::string_view key) const {
  if (key.size() < kApiKeyBytesMin || key.size() > kApiKeyBytesMax) return std::nullopt;
  const auto digest = digest_of(key);
  unsigned bits = 0;
  for (const Stored& stored : keys_) {
    const unsigned same = CRYPTO_memcmp(stored.digest.data(), digest.data(), digest.size()) == 0 ? 0xffU : 0U;
    bits |= same & stored.rights.bits_;
  }
  if (bits == 0) return std::nullopt;  // A key has one right at least.
  return Rights(bits);
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace quipu
