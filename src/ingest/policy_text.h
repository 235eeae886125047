#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ingest/namespaces.h"

namespace quipu {

/// The name under which the store keeps a namespace's policy, and back (nullopt-like: an empty view for other
/// settings).
std::string namespace_setting(std::string_view space);
std::string_view namespace_of_setting(std::string_view setting);

/// A policy as the store keeps it: `ack=durable memory=1 viewer_window=0 id_promise=0`.
std::string policy_text(const NamespacePolicy& policy);

/// Reads `policy_text` back. kDamaged when it is not one. A word that this version does not know is refused, since a
/// policy half understood would count wrong.
Result<NamespacePolicy> parse_policy(std::string_view text);

}  // namespace quipu
