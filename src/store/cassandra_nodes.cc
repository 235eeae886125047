#include "store/cassandra_nodes.h"

#include <algorithm>
#include <utility>

namespace quipu {

bool CassandraNodes::observe(const std::vector<CassandraNodeAnswer>& answers) {
  bool forgot = false;
  std::map<std::string, Node> now;
  for (const CassandraNodeAnswer& answer : answers) {
    const auto before = nodes_.find(answer.host);
    Node node{answer.generation, answer.generation.has_value()};
    if (before != nodes_.end()) {
      const Node& known = before->second;
      const bool went_down = known.up && !node.up;
      const bool restarted = known.generation && node.generation && *known.generation != *node.generation;
      forgot = forgot || went_down || restarted;
      if (!node.generation) node.generation = known.generation;
    }
    now.insert_or_assign(answer.host, node);
  }
  // One that left while it was up took what it had with it; one that was down was told of when it went down.
  for (const auto& [host, node] : nodes_) forgot = forgot || (node.up && !now.contains(host));
  nodes_ = std::move(now);
  return forgot;
}

bool CassandraNodes::misses_one(const std::vector<CassandraNodeAnswer>& answers) const {
  return std::ranges::any_of(answers, [this](const CassandraNodeAnswer& answer) {
    const auto known = nodes_.find(answer.host);
    return !answer.generation && known != nodes_.end() && known->second.up;
  });
}

}  // namespace quipu
