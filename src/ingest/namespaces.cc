#include "ingest/namespaces.h"

#include "base/check.h"
#include "ingest/names.h"

namespace quipu {

NamespaceRegistry::NamespaceRegistry(std::size_t spaces_max, bool auto_create, std::uint64_t hash_seed)
    : spaces_max_(spaces_max), auto_create_(auto_create), by_name_(0, SeededHasher{hash_seed}) {}

std::optional<NamespaceId> NamespaceRegistry::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

Result<NamespaceId> NamespaceRegistry::find_or_create(std::string_view name) {
  if (const auto found = find(name)) return *found;
  if (auto valid = validate_namespace(name); !valid) return std::unexpected(valid.error());
  if (!auto_create_) {
    return failure(Code::kNotFound,
                   "namespace " + std::string(name) + " does not exist, and namespaces.auto_create is off");
  }
  return create(name);
}

Result<NamespaceId> NamespaceRegistry::create(std::string_view name) {
  if (const auto found = find(name)) return *found;
  if (auto valid = validate_namespace(name); !valid) return std::unexpected(valid.error());
  if (spaces_.size() >= spaces_max_) {
    return failure(Code::kTooLarge, "there are " + std::to_string(spaces_.size()) + " namespaces, the most allowed");
  }
  return restore(name);
}

NamespaceId NamespaceRegistry::restore(std::string_view name) {
  if (const auto found = find(name)) return *found;
  QUIPU_CHECK(validate_namespace(name).has_value());
  const NamespaceId id{static_cast<std::uint32_t>(spaces_.size())};
  spaces_.push_back({std::string(name), {}});
  by_name_.emplace(spaces_.back().name, id);
  return id;
}

std::string_view NamespaceRegistry::name(NamespaceId id) const { return spaces_.at(id.value).name; }

const NamespacePolicy& NamespaceRegistry::policy(NamespaceId id) const { return spaces_.at(id.value).policy; }

void NamespaceRegistry::set_policy(NamespaceId id, const NamespacePolicy& policy) {
  spaces_.at(id.value).policy = policy;
}

}  // namespace quipu
