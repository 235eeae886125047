#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/context.h"
#include "http/query.h"
#include "http/request.h"
#include "http/routes.h"
#include "http/turn.h"

namespace quipu {

/// Turns one request into operations of the turn's batch and a note of how to answer, or into a refusal.
///
/// Everything of a request is judged before the first operation is appended: a request that is refused leaves nothing
/// behind but its answer. Pure, but for a namespace that a write makes.
class HttpPlanner {
 public:
  explicit HttpPlanner(const HttpContext& context) : context_(context) {}

  /// The time of what follows.
  void set_time(TimeMs now) { writer_.set_time(now); }
  /// The connection is to be closed behind what was planned: too many wrong keys came over it.
  bool closing() const { return closing_; }
  const HttpReplyWriter& writer() const { return writer_; }

  /// Appends the request to the turn, or, where it must run alone, fills `errand` and appends nothing. `waited`: the
  /// position that the request names was reached.
  void plan(const HttpRequest& request, HttpTurn& turn, HttpErrand& errand, bool waited = false);

  /// Appends a refusal of what was no request. Closes.
  void plan_refusal(HttpTurn& turn, const Problem& problem);

 private:
  struct Work;  // A request on its way through here.
  /// A namespace that an operation needs and that does not exist yet.
  struct NewSpace {
    std::size_t operation;
    std::string_view name;
  };

  HttpReplyShape shape_of(const HttpRequest& request) const;
  std::string_view cors_origin(const HttpRequest& request) const;
  bool comes_from_elsewhere(const HttpRequest& request) const;

  // Keys. plan_keys.cc
  bool authorized(Work& work);
  bool refuse_key(Work& work);
  bool refuse_right(Work& work, Right right);
  std::optional<Rights> rights_of(std::string_view field);

  // One function a route. http_planner.cc
  void plan_route(Work& work);
  void plan_options(Work& work);
  void plan_fixed(Work& work);
  void plan_page(Work& work);  // plan_page.cc
  void plan_readiness(Work& work);
  void plan_namespaces(Work& work);
  void plan_put_namespace(Work& work);

  // http_plan_writes.cc
  void plan_view(Work& work);
  void plan_add(Work& work);
  void plan_events(Work& work);
  void plan_reset(Work& work);
  bool read_view(Work& work, ViewFields& fields);
  bool read_events(Work& work, EventReader& reader, std::vector<NewSpace>& new_spaces);
  bool append_event(Work& work, const EventFields& fields, std::vector<NewSpace>& new_spaces);

  // http_plan_reads.cc
  void plan_value(Work& work);
  void plan_values(Work& work);
  void plan_top(Work& work);
  void plan_source(Work& work);
  void plan_namespace(Work& work);
  void plan_stats(Work& work);
  bool must_wait(Work& work);

  // What several need. Those that answer false have refused the request. http_plan_steps.cc
  bool refuse(Work& work, Problem problem, std::string_view fields = {});
  bool refuse(Work& work, const Error& error);
  bool refuse(Work& work, Code code, std::string_view detail);
  void prepare(Work& work, int status, std::string_view content_type, std::string_view body);
  HttpPending& pend(Work& work, HttpReplyKind kind);
  bool read_query_of(Work& work, const HttpQueryNames& names);
  bool decode(Work& work, std::string_view segment, std::string_view& out);
  void append_operation(Work& work, const Operation& operation, HttpPending& pending);
  bool check_space(Work& work, std::string_view name);
  bool decode_counter(Work& work, std::string_view& counter);
  bool find_space(Work& work, NamespaceId& space);
  bool make_space(Work& work, std::string_view name, NamespaceId& space);
  bool choose_ack(Work& work, NamespaceId space, bool& memory);
  bool want_json(Work& work);
  bool identify(Work& work, const AddFields& fields, std::string_view space, Operation& operation);
  bool read_headers(Work& work);

  const HttpContext& context_;
  HttpReplyWriter writer_;
  Rights rights_ = Rights::all();  // Of the request that is planned.
  std::string bearer_;             // The field of the last right key, so that the next request costs a comparison ...
  Rights bearer_rights_;           // ... and what that key allows.
  std::size_t wrong_keys_ = 0;
  bool closing_ = false;
};

}  // namespace quipu
