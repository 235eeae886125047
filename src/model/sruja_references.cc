#include "model/sruja_references.h"

#include <utility>

namespace quipu {

Result<std::string> resolve_reference(const Architecture& architecture, const SrujaReference& reference) {
  std::string_view scope = reference.scope;
  while (true) {
    auto id = scope.empty() ? reference.name : std::string(scope).append(".").append(reference.name);
    if (architecture.find(id) != nullptr) return id;
    if (scope.empty()) break;
    const auto dot = scope.rfind('.');
    scope = dot == std::string_view::npos ? std::string_view() : scope.substr(0, dot);
  }
  const Element* found = nullptr;
  for (const Element& element : architecture.elements) {
    if (!element.id.ends_with("." + reference.name)) continue;
    if (found != nullptr) {
      return sruja_error(reference.place, "expected an id that one element has; `" + reference.name + "` may be " +
                                              found->id + " or " + element.id);
    }
    found = &element;
  }
  if (found != nullptr) return found->id;
  return sruja_error(reference.place,
                     "expected the id of an element, found `" + reference.name + "`, which nothing defines");
}

Result<Relation> resolve_relation(const Architecture& architecture, SrujaRelation relation) {
  auto from = resolve_reference(architecture, relation.from);
  if (!from) return std::unexpected(from.error());
  auto to = resolve_reference(architecture, relation.to);
  if (!to) return std::unexpected(to.error());
  return Relation{std::move(*from), std::move(*to), std::move(relation.label), std::move(relation.tags)};
}

}  // namespace quipu
