#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/json_object.h"
#include "model/architecture.h"
#include "model/live_graph.h"

namespace quipu {

/// The body of `/v1/architecture`: the model, what each technology is in this form of the system, and where the model
/// and the running process differ.
std::string architecture_answer(const Architecture& model, const std::vector<std::string>& differences,
                                std::string_view form);

/// Appends the fields `parts` and `edges` of `/v1/stats`: how each part is, and what has crossed each edge.
void append_graph(JsonObject& json, const LiveGraph& graph);

}  // namespace quipu
