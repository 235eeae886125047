#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/api_node.h"
#include "sim/distributed/log_oracle.h"
#include "sim/distributed/settings.h"
#include "sim/history.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace quipu::sim {

/// Everyone who asks something of the API nodes, and the books of what they were told. A caller stays with its node
/// until that is gone or it moves on. Reads may be behind, unless they wait for positions; so what they may show is
/// what was ever sent, and at least what was acknowledged when they say that they are not older.
class Callers {
 public:
  Callers(const DistributedSettings& settings, Random& random, Trace& trace);
  ~Callers();

  /// A node serves, under that number; or its process has ended, and nobody will be answered by it.
  void begin_process(std::size_t number, ApiNode& node);
  void end_process(std::size_t number);

  /// The time of day.
  void at(TimeMs wall) { wall_ = wall; }
  /// One of the callers does something, if it has nothing under way.
  void act();
  /// Reads that wait for positions are tried again.
  void poll(std::size_t number);
  /// What is known of the resets from outside: those that all partitions have are over.
  void look_at(const LogOracle& oracle);

  /// What is asked for while this holds must not be acknowledged: no node has a log that it may write to.
  void expect_refusal(bool refused) { refused_ = refused; }
  /// The log that they were told positions of is gone, and counting goes on in another one: its ids and sources are not
  /// known any more. `rows`: has the totals of the rows that are left, what was not in them is lost; null: all was.
  void new_log(Generation generation, const LogOracle* rows);
  /// Nothing that was asked is without an answer.
  bool idle() const;

  /// From now on they ask for nothing new, and send again what was not answered and can be.
  void settle() { settling_ = true; }
  bool settled() const;
  /// Nothing is on its way any more: what is not known by now is never known.
  void end_open_resets();
  std::string waiting_for() const;

  /// Clocks are wrong, or the store has forgotten what it acknowledged: reads may be older than they say.
  void distrust_ages() { trust_ages_ = false; }
  void distrust_positions() { trust_positions_ = trust_ages_ = false; }

  /// Asks a node for every counter, past all caches or through them, when all is quiet.
  void ask_for_all(std::size_t number, bool fresh);
  bool asked_all() const { return looks_ == 0; }

  struct Total {
    std::string space;
    std::string counter;
    std::int64_t value = 0;  ///< Shown last.
    bool exists = false;
  };
  const std::vector<Total>& totals() const { return places_; }
  std::uint64_t events() const { return events_; }

 private:
  struct Request;
  struct Ask;
  struct Caller;
  struct OpenReset;

  void act(Caller& caller);
  void ask_something(Caller& caller, Request& request);
  void try_old_position(ApiNode& node);
  void ask_in_session(Caller& caller, Request& request, std::size_t counter);
  void ask_again(Request& request);
  void ask_by_mistake(Request& request);
  static bool asks_for(const Request& request, History::EventNumber event);
  void ask_of_source(Caller& caller, Request& request);
  void ask_event(Request& request, History::EventNumber event, bool memory_ack);
  void ask_reset(Request& request, std::size_t counter, bool set);
  void ask_read(Request& request, std::size_t counter, bool fresh);
  Operation operation(const Request& request, OperationKind kind, std::size_t counter) const;
  void submit(std::unique_ptr<Request> request);

  void answered(Request& request);
  void answered(Request& request, std::size_t at);
  void answered_mistake(Ask& ask, const Outcome& outcome);
  void answered_write(Ask& ask, const Operation& operation, const Outcome& outcome);
  void answered_read(const Request& request, const Ask& ask, const Operation& operation, const Outcome& outcome);
  static bool refused_with_others(const Request& request);
  void end(Ask& ask, History::End end);
  void end_reset(const History::Reset& reset, History::End end);
  void note_position(std::size_t counter, const Outcome& outcome);

  const DistributedSettings& settings_;
  Random& random_;
  Trace& trace_;
  std::vector<Total> places_;
  std::unique_ptr<History> history_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::list<std::unique_ptr<Request>> requests_;  // Under way.
  std::list<OpenReset> resets_;                   // Of which it is not known whether all partitions have them.
  std::vector<ApiNode*> nodes_;                   // Null: it does not serve.
  std::vector<History::EventNumber> with_id_;
  std::vector<History::EventNumber> plain_;
  std::set<History::EventNumber> mistaken_;               // Whose id was sent with another content, too.
  std::vector<std::map<PartitionId, Offset>> positions_;  // By counter: what was acknowledged.
  std::vector<Position> old_positions_;                   // Of logs that are gone.
  Generation generation_{1};
  bool refused_ = false;
  std::map<History::EventNumber, TimeMs> due_since_;  // Of those that are due; by the node's clock.
  const LogOracle* oracle_ = nullptr;
  TimeMs wall_ = 0;
  bool settling_ = false;
  bool trust_ages_ = true;
  bool trust_positions_ = true;
  std::size_t looks_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t asked_ = 0;
};

}  // namespace quipu::sim
