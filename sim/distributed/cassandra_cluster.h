#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "sim/distributed/settings.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace quipu::sim {

/// A cluster of three nodes of Cassandra that each keep all rows, at LOCAL_QUORUM.
///
///   write ─► node 1, 2, 3: each has it, misses it, or gets it later     two have it: done; else nobody knows
///   read  ─► two of the nodes: of each row the newest timestamp         what one of them lacks is written to it
///
/// A row is one cell: of two the one with the higher timestamp stays, of equal ones the larger bytes. A node syncs its
/// commit log once a period; one whose power fails comes back without the newest writes that it has not synced, and
/// says that it has started again.
class SimCassandra {
 public:
  static constexpr std::size_t kNodes = 3;

  struct Cell {
    std::int64_t timestamp = 0;
    bool deleted = false;
    std::string value;

    friend auto operator<=>(const Cell&, const Cell&) = default;
  };
  /// A table's name and a zero, then the values of the row's key as the wire has them. So what begins alike stands
  /// together.
  using Key = std::string;
  using Rows = std::map<Key, Cell, std::less<>>;
  enum class Answer : std::uint8_t {
    kDone,
    kUnknown,      ///< Nobody answered in time: perhaps done.
    kUnavailable,  ///< Too few nodes are up: nothing was done.
  };

  SimCassandra(const DistributedSettings& settings, Random& random, Trace& trace)
      : settings_(settings), random_(random), trace_(trace) {}

  /// Requests fail and nodes lag only while this is set.
  bool faulty = false;

  /// The time, which only rises: nodes sync, and what was on its way arrives.
  void tick(TimeMs steady);

  Answer write(const Key& key, const Cell& cell);
  /// Adds all rows whose key begins so, deleted ones left out.
  /// `all_nodes`: every node is asked, else a quorum.
  Answer read(std::string_view prefix, Rows& out, bool all_nodes = false);
  /// Writes a row unless it is there, as one with all others who ask.
  Answer claim(const Key& key, const Cell& cell);
  /// Deletes all rows below `end` whose key begins so, where they are not newer.
  Answer remove(std::string_view prefix, std::string_view end, std::int64_t timestamp);
  /// What a client that is gone had sent: it arrives some time later.
  void write_later(const Key& key, const Cell& cell);

  /// A node loses its power, and with it what it has not synced.
  void fail(std::size_t node);
  /// A node can not be reached for a while, and forgets nothing.
  void part(std::size_t node);
  /// It can be reached again, started anew where it had failed.
  void join(std::size_t node);
  bool is_up(std::size_t node) const { return nodes_[node].up; }
  std::size_t up() const;
  /// How long after its acknowledgement a write is surely on a node's disk.
  TimeMs sync_ms() const { return settings_.sync_ms; }
  /// Rises with each start of the node.
  std::int64_t generation(std::size_t node) const { return nodes_[node].generation; }
  /// A node has lost a write that it acknowledged, since the cluster was made.
  bool forgot() const { return forgot_; }

  /// What all nodes know together, for those who look from outside.
  Rows all(std::string_view prefix) const;
  /// What is on its way to a node arrives now.
  void arrive_all();

 private:
  struct Undo {
    Key key;
    std::optional<Cell> before;
  };
  struct Node {
    bool up = true;
    bool failed = false;
    std::int64_t generation = 1;
    Rows rows;
    std::vector<Undo> unsynced;  // Oldest first.
    TimeMs synced_at = 0;
  };
  struct Late {
    std::size_t node = 0;
    Key key;
    Cell cell;
  };

  static void take(Node& node, const Key& key, const Cell& cell);
  bool reaches(std::size_t node, const Key& key, const Cell& cell);
  std::vector<std::size_t> drawn_nodes(std::size_t count);
  static bool begins(std::string_view text, std::string_view prefix) { return text.starts_with(prefix); }

  const DistributedSettings& settings_;
  Random& random_;
  Trace& trace_;
  std::array<Node, kNodes> nodes_;
  std::deque<Late> late_;
  TimeMs now_ = 0;
  bool forgot_ = false;
};

}  // namespace quipu::sim
