#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// What a node of the cluster said of itself.
struct CassandraNodeAnswer {
  std::string host;                        ///< Its host id.
  std::optional<std::int64_t> generation;  ///< Rises with each of its starts; nullopt: it did not answer.
};

/// Finds out when a node may have forgotten rows that it acknowledged. Pure.
///
/// Cassandra syncs its commit log every few seconds, so a node whose power fails loses its newest rows, and answers
/// reads without them when it is back. Rows that a quorum acknowledged before it went down are at a quorum no longer:
/// they have to be written again, to those that are left, before a watermark may pass them; and once more when it has
/// started again. A node that only was out of reach has lost nothing by then; it is told as well, since that can not be
/// known before.
class CassandraNodes {
 public:
  /// Takes the answers of all nodes that belong to the cluster now. Answers whether rows that were acknowledged since
  /// the last call may be forgotten. The first call only notes what there is.
  bool observe(const std::vector<CassandraNodeAnswer>& answers);

  /// Whether a node that answered last time does not answer now: worth asking again before it is believed.
  bool misses_one(const std::vector<CassandraNodeAnswer>& answers) const;

  std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::optional<std::int64_t> generation;
    bool up = false;
  };
  std::map<std::string, Node> nodes_;
};

}  // namespace quipu
