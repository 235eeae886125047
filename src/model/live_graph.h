#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/architecture.h"

namespace quipu {

/// A part that runs, as the model calls it.
struct BuiltPart {
  std::string id;             ///< `CounterService.DB`
  std::string kind;           ///< `database`
  std::string technology;     ///< What it is made of in this form: `RocksDB`.
  std::uint64_t instances{};  ///< How many of it there are. From 1.
};

/// That something crosses from one part to another. Either end may be outside of the system.
struct BuiltEdge {
  std::string from;
  std::string to;
};

/// The running process as a graph: the node registers each part, and each edge, where it joins them.
///
/// An edge has a counter that whoever it is joined to counts up by itself, so that nothing is added to the way of an
/// event. The counters, and what the functions of the parts look at, must outlive the graph. One thread.
class LiveGraph {
 public:
  /// How a part is: names with their values. A name that ends with `_bytes` is in bytes.
  using Figures = std::vector<std::pair<const char*, std::uint64_t>>;
  struct Part {
    BuiltPart built;
    std::function<Figures()> figures;
  };
  struct Edge {
    BuiltEdge built;
    const char* unit;              ///< What the counter counts: `frames`.
    const std::uint64_t* crossed;  ///< How many have crossed since the start.
  };

  void join(BuiltPart part, std::function<Figures()> figures) {
    parts_.push_back({std::move(part), std::move(figures)});
  }
  void join(BuiltEdge edge, const char* unit, const std::uint64_t& crossed) {
    edges_.push_back({std::move(edge), unit, &crossed});
  }

  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<Edge>& edges() const { return edges_; }

 private:
  std::vector<Part> parts_;
  std::vector<Edge> edges_;
};

/// Where the model and the running process say different things, one sentence each; empty when each shows the other.
///
/// Compared, both ways: parts with their kinds, and their technology in the form `form`; how many of a part there are
/// against its scale; relations between persons and parts; and that each step of each scenario runs along an edge, or
/// back along one.
std::vector<std::string> differences(const Architecture& model, const LiveGraph& built, std::string_view form);

}  // namespace quipu
