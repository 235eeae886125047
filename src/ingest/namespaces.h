#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// Which namespace, as the registry numbers them. Not stable across starts.
using NamespaceId = Strong<struct NamespaceTag, std::uint32_t>;

enum class AckMode : std::uint8_t { kDurable, kMemory };

/// What a namespace's owner decided about it.
struct NamespacePolicy {
  AckMode ack = AckMode::kDurable;    ///< What a write gets that does not ask.
  bool memory_allowed = true;         ///< Whether a write may ask for ack=memory.
  std::int64_t viewer_window_ms = 0;  ///< Once per viewer per window; 0 = every view counts.
  std::int64_t id_promise_ms = 0;     ///< How long an id should be remembered; a metric warns when it is not. 0 = none.

  friend bool operator==(const NamespacePolicy&, const NamespacePolicy&) = default;
};

/// The namespaces that exist, numbered in the order they became known. Pure; kept durable by the engine.
class NamespaceRegistry {
 public:
  /// `spaces_max`: how many may exist; `auto_create`: whether a write may make one; `hash_seed`: random, for names come
  /// from users.
  NamespaceRegistry(std::size_t spaces_max, bool auto_create, std::uint64_t hash_seed);

  std::optional<NamespaceId> find(std::string_view name) const;

  /// The namespace for an HTTP write: found, or made with the default policy. kRefused when the name is not one,
  /// kNotFound when it does not exist and may not be made, kTooLarge when there are too many.
  Result<NamespaceId> find_or_create(std::string_view name);

  /// The namespace for an operator who asks for it: as `find_or_create`, whatever auto_create says.
  Result<NamespaceId> create(std::string_view name);

  /// For replay and configuration: makes it whatever auto_create says.
  NamespaceId restore(std::string_view name);

  std::string_view name(NamespaceId id) const;
  const NamespacePolicy& policy(NamespaceId id) const;
  void set_policy(NamespaceId id, const NamespacePolicy& policy);
  std::size_t size() const { return spaces_.size(); }

 private:
  struct Space {
    std::string name;
    NamespacePolicy policy;
  };
  std::size_t spaces_max_;
  bool auto_create_;
  std::deque<Space> spaces_;  // A deque: names are handed out as views.
  std::unordered_map<std::string_view, NamespaceId, SeededHasher> by_name_;
};

}  // namespace quipu
