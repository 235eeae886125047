#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quipu {

/// What a client may do. They do not hold each other: who administers needs not count.
enum class Right : std::uint8_t {
  kIngest = 1,  ///< Add to counters.
  kRead = 2,    ///< See totals, figures and metrics.
  kAdmin = 4,   ///< Take away: resets, SET, deltas below zero; and namespaces' policies.
};

/// A set of rights.
class Rights {
 public:
  constexpr Rights() = default;
  static constexpr Rights all() { return Rights(7); }

  constexpr bool has(Right right) const { return (bits_ & static_cast<std::uint8_t>(right)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(Right right) { bits_ |= static_cast<std::uint8_t>(right); }

  friend constexpr bool operator==(Rights, Rights) = default;

 private:
  friend class ApiKeys;
  explicit constexpr Rights(unsigned bits) : bits_(static_cast<std::uint8_t>(bits)) {}

  std::uint8_t bits_ = 0;
};

/// `ingest`, `read` or `admin`.
const char* right_name(Right right);

/// Letters of a key, keys, and bytes of the file that holds them. Beyond: refused.
inline constexpr std::size_t kApiKeyBytesMin = 24;
inline constexpr std::size_t kApiKeyBytesMax = 256;
inline constexpr std::size_t kApiKeysMax = 100;
inline constexpr std::size_t kKeyFileBytesMax = std::size_t{64} << 10;

/// Which rights each API key has.
///
///     # rights, a blank, the key
///     ingest             Zx8w-fH2qP0rT5nB7mK3vL9d
///     ingest,read,admin  ...
///
/// Keeps no key but a keyed hash of each (HMAC-SHA256 under random bytes of this process), so that neither a log nor a
/// dump of this object holds one, and what a comparison costs says nothing about how near a guess was. Pure. Threads:
/// any number may ask at once.
class ApiKeys {
 public:
  using Secret = std::array<std::uint8_t, 32>;

  /// `secret`: random bytes, drawn anew for each process.
  explicit ApiKeys(const Secret& secret) : secret_(secret) {}

  /// Adds the keys of a text, one a line; empty lines and those that begin with `#` are skipped. A `;` ends a line too,
  /// for the environment. `where` names the text in errors, which tell `where:line` and never the key. kRefused: a
  /// line that is not `RIGHTS KEY`, an unknown or doubled right, a key that is too short, too long, of other letters
  /// than those of a bearer token (RFC 6750, 2.1), or there already; more than kApiKeysMax keys; a text without any,
  /// since who names one wants to be asked for keys. What was added before stays.
  Result<void> add(std::string_view text, std::string_view where);

  /// No key is configured: everything is allowed.
  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }

  /// The rights of a key, or nullopt where it is none. Looks at every key, however early one is found.
  std::optional<Rights> rights_of(std::string_view key) const;

 private:
  using Digest = std::array<std::uint8_t, 32>;
  struct Stored {
    Digest digest;
    Rights rights;
    std::string where;
  };

  Digest digest_of(std::string_view key) const;
  Result<void> add_line(std::string_view line, std::string where);

  Secret secret_;
  std::vector<Stored> keys_;
};

/// Whether two secrets are the same, in a time that depends on their lengths alone.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace quipu
