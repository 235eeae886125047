#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/architecture.h"
#include "model/sruja_tokens.h"

namespace quipu {

/// An element as a relation names it.
struct SrujaReference {
  std::string name;   ///< As it stands there: `API` or `CounterService.API`.
  std::string scope;  ///< The id of the block that it stands in; "" at the top.
  SrujaPlace place;
};

/// A relation whose ends are not looked up yet: what they name may stand further down.
struct SrujaRelation {
  SrujaReference from;
  SrujaReference to;
  std::string label;
  std::vector<std::string> tags;
};

/// The id that a reference means: in its own block or in one around it, else the one element whose path ends so.
Result<std::string> resolve_reference(const Architecture& architecture, const SrujaReference& reference);

/// The relation with both ends looked up.
Result<Relation> resolve_relation(const Architecture& architecture, SrujaRelation relation);

}  // namespace quipu
