#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "sim/history.h"
#include "sim/random.h"
#include "sim/register.h"
#include "sim/settings.h"
#include "sim/trace.h"

namespace quipu::sim {

/// Everyone who asks something of the service, and the books of what they were told. A client has one request under way
/// and may lose patience; its replies come when they are durable, as they would over a connection. Clients that share
/// counters write into the History, those that are alone with theirs into a Register each.
class Clients {
 public:
  Clients(const Settings& settings, Random& random, Trace& trace);
  ~Clients();

  /// A process serves.
  void begin_process(Engine& engine);
  /// It has ended: nobody will be answered any more. The engine is gone.
  void end_process();

  /// Between two processes, the log was begun anew.
  void new_log();
  /// All was read, and nothing is under way: what must be counted whole or not at all is.
  void check_batches() const { history_->check_ties(); }

  /// One of the clients does something, if it has nothing under way.
  void act();
  /// Hands out the replies that are durable by now.
  void release();

  /// From now on they ask for nothing new, and send again what was not answered and can be.
  void settle() { settling_ = true; }
  /// Every client has its answer, and all that could be sent again was.
  bool settled() const;
  /// What they wait for, for people.
  std::string waiting_for() const;

  /// Asks for every counter; `asked_all` says when the answers were there.
  void ask_for_all();
  bool asked_all() const { return looks_ == 0; }

  /// What was shown last for every counter, shared and not: (namespace, name, value, exists).
  struct Total {
    std::string space;
    std::string counter;
    std::int64_t value = 0;
    bool exists = false;
  };
  std::vector<Total> totals() const;

  /// Events that were sent.
  std::uint64_t events() const { return events_; }

 private:
  struct Request;
  struct Ask;
  struct Client;
  struct Place {
    std::string space;
    std::string name;
    std::int64_t value = 0;  // Shown last.
    bool exists = false;
  };

  void draw_names();
  void act(Client& client);
  void act_shared(Client& client, Request& request);
  void act_alone(Client& client, Request& request);
  void ask_something(Request& request);
  void ask_again(Request& request);
  void renew(Request& request);
  void ask_group_with_mistake(Request& request);
  void ask_of_source(Client& client, Request& request);
  void ask_event(Request& request, History::EventNumber event, bool memory_ack);
  void ask_set(Request& request, std::size_t counter);
  void ask_reset(Request& request, std::size_t counter);
  void ask_read(Request& request, std::size_t counter);
  void flush_space();
  Operation operation(OperationKind kind, std::size_t place) const;
  Operation operation_of(History::EventNumber event) const;
  void submit(std::unique_ptr<Request> request, Client* client);

  void answered(Request& request);
  void answered(Request& request, Ask& ask, const Outcome& outcome);
  void answered_shared(Request& request, Ask& ask, const Outcome& outcome);
  void answered_alone(Request& request, std::size_t at);
  bool refused_whole(Request& request);
  void not_done(Ask& ask);
  void unknown(Ask& ask);
  void finish(Request& request);

  const Settings& settings_;
  Random& random_;
  Trace& trace_;
  std::vector<Place> places_;  // Of the shared counters, then of those of single clients.
  std::vector<std::string> ids_;
  std::unique_ptr<History> history_;
  std::vector<Register> registers_;  // Behind the shared ones in places_.
  std::vector<std::unique_ptr<Client>> clients_;
  std::list<std::unique_ptr<Request>> requests_;  // Under way in the engine, or with replies that are held.
  std::vector<History::EventNumber> with_id_;
  std::vector<History::EventNumber> plain_;
  Engine* engine_ = nullptr;
  std::uint64_t process_ = 0;
  bool settling_ = false;
  std::size_t looks_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t asked_ = 0;

  struct Flush {
    std::vector<History::Reset> resets;
    std::optional<Offset> durable_at;
  };
  std::list<Flush> flushes_;
};

}  // namespace quipu::sim
