#include "sim/distributed/wide_counters.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "ingest/ids.h"

namespace quipu::sim {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr const char* kSpace = "views";  // Resets are allowed there.
constexpr std::size_t kBatchMax = 3;
constexpr std::size_t kUnderWayMax = 4;

std::string text_of(const Row& row) {
  return std::to_string(row.total) + " of " + std::to_string(row.events) + " events, flags " +
         std::to_string(int{row.flags});
}

}  // namespace

struct WideCounters::Request final : BatchClient {
  WideCounters* owner = nullptr;
  std::size_t node = 0;
  Batch batch;
  std::vector<std::size_t> counters;  ///< Of each operation.
  std::uint64_t number = 0;
  bool all = false;
  bool done = false;

  void batch_done(Batch&) override { owner->answered(*this); }
};

WideCounters::WideCounters(const DistributedSettings& settings, Random& random, Trace& trace)
    : settings_(settings),
      random_(random),
      trace_(trace),
      counters_{{"rising", Kind::kRising}, {"falling", Kind::kFalling}, {"mixed", Kind::kMixed}},
      nodes_(settings.nodes) {}

WideCounters::~WideCounters() = default;

void WideCounters::end_process(std::size_t number) {
  nodes_[number] = nullptr;
  std::erase_if(requests_, [&](const auto& request) {
    if (request->node != number || request->done) return false;
    for (std::size_t i = 0; i < request->counters.size(); ++i) {
      if (request->batch.operations[i].kind == OperationKind::kAdd) ++counters_[request->counters[i]].unknown;
    }
    if (request->all) --looks_;
    return true;
  });
}

void WideCounters::new_log() {
  for (Counter& counter : counters_) counter.acknowledged = counter.unknown = 0;
}

void WideCounters::act() {
  std::erase_if(requests_, [](const auto& request) { return request->done; });
  const auto number = random_.below(nodes_.size());
  ApiNode* const node = nodes_[number];
  if (node == nullptr || node->state() != EngineState::kServing || requests_.size() >= kUnderWayMax) return;
  auto request = std::make_unique<Request>();
  request->node = number;
  for (auto left = random_.between(1, kBatchMax); left > 0; --left) ask(*request);
  submit(std::move(request));
}

std::int64_t WideCounters::draw_delta(Kind kind) {
  const auto size = random_.pick<std::int64_t>({1, 1'000, kMost, kMost / 2, kMost / 3});
  const bool falls = kind == Kind::kFalling || (kind == Kind::kMixed && random_.one_in(2));
  return falls ? -size : size;
}

void WideCounters::ask(Request& request) {
  const auto counter = random_.below(counters_.size());
  Operation made;
  made.space = *nodes_[request.node]->namespaces().find_or_create(kSpace);
  made.counter = counters_[counter].name;
  const auto what = random_.below(20);
  if (what == 0) {
    made.kind = OperationKind::kReset;
  } else if (what < 6) {
    made.kind = OperationKind::kRead;
    made.fresh = random_.one_in(2);
  } else {
    made.kind = OperationKind::kAdd;
    made.delta = draw_delta(counters_[counter].kind);
    if (random_.one_in(2)) {  // To another partition than the counter's.
      made.group = GroupKind::kIds;
      made.id = id_hash(settings_.node.secret, kSpace, counters_[counter].name, "wide" + std::to_string(++asked_));
      made.id.body = body_hash(made.delta, 0);
    }
  }
  request.batch.operations.push_back(made);
  request.counters.push_back(counter);
}

void WideCounters::submit(std::unique_ptr<Request> request) {
  Request& given = *request;
  given.owner = this;
  given.number = ++asked_;
  std::string text = "wide request " + std::to_string(given.number) + " to node " + std::to_string(given.node) + ":";
  for (const Operation& operation : given.batch.operations) {
    text += " " + std::to_string(static_cast<int>(operation.kind)) + "(" + std::string(operation.counter) + " " +
            std::to_string(operation.delta) + (operation.group == GroupKind::kIds ? " id" : "") + ")";
  }
  trace_.line(text);
  requests_.push_back(std::move(request));
  nodes_[given.node]->submit(given.batch, given);
}

void WideCounters::answered(Request& request) {
  request.done = true;
  std::string text = "wide request " + std::to_string(request.number) + " is answered:";
  for (const Outcome& outcome : request.batch.outcomes) {
    text += outcome.error ? std::string(" (") + outcome.error_text + ")"
                          : " (" + std::to_string(outcome.value) + (outcome.saturated ? " saturated)" : ")");
  }
  trace_.line(text);
  for (std::size_t i = 0; i < request.counters.size() && !trace_.failed(); ++i) answered(request, i);
  if (request.all) --looks_;
}

void WideCounters::answered(Request& request, std::size_t at) {
  Counter& counter = counters_[request.counters[at]];
  const Operation& operation = request.batch.operations[at];
  const Outcome& outcome = request.batch.outcomes[at];
  const auto wrong = [&](const std::string& what) { trace_.violation("the counter " + counter.name + " " + what); };
  const bool adds = operation.kind == OperationKind::kAdd;
  const bool plain = adds && operation.group == GroupKind::kPlain;
  if (outcome.error) {
    if (plain && outcome.error == Code::kUnknown) ++counter.unknown;
    if (request.all) return wrong("can not be read when all is quiet");
    const bool too_much = outcome.error == Code::kRefused && adds &&
                          std::string_view(outcome.error_text).find("overflow") != std::string_view::npos;
    const bool passes =
        outcome.error == Code::kUnknown || outcome.error == Code::kBusy || outcome.error == Code::kTooLarge;
    if (!too_much && !passes) wrong(std::string("refuses without a reason: ") + outcome.error_text);
    return;
  }
  if (plain) ++counter.acknowledged;
  // What a write answers is what its node knows, which may lack events of others.
  const bool wraps = operation.kind == OperationKind::kRead && ((counter.kind == Kind::kRising && outcome.value < 0) ||
                                                                (counter.kind == Kind::kFalling && outcome.value > 0));
  if (wraps) return wrong("is told to be " + std::to_string(outcome.value));
  if (!request.all) return;
  const auto truth = oracle_->total(counter.name);
  if (outcome.value != truth) {
    return wrong("is shown as " + std::to_string(outcome.value) + ", the log says " + std::to_string(truth));
  }
  const bool saturated = oracle_->saturated(counter.name);
  if (outcome.saturated != saturated) wrong(saturated ? "is not told to be saturated" : "is told to be saturated");
}

bool WideCounters::settled() const {
  return std::ranges::all_of(requests_, [](const auto& request) { return request->done; });
}

void WideCounters::ask_for_all(std::size_t number, bool fresh, const LogOracle& oracle) {
  oracle_ = &oracle;
  auto request = std::make_unique<Request>();
  request->node = number;
  request->all = true;
  ++looks_;
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    Operation read;
    read.space = *nodes_[number]->namespaces().find_or_create(kSpace);
    read.counter = counters_[i].name;
    read.fresh = fresh;
    request->batch.operations.push_back(read);
    request->counters.push_back(i);
  }
  submit(std::move(request));
}

void WideCounters::check_store(const RowBatch& rows, const LogOracle& oracle) {
  for (const RowBatch::Item& item : rows.items()) {
    const std::string name(rows.counter(item));
    if (std::ranges::find(counters_, name, &Counter::name) == counters_.end()) continue;
    const auto row = oracle.at(item.shard, name, item.row.applied);
    if (row && row->total == item.row.total && row->events == item.row.events && row->flags == item.row.flags) continue;
    return trace_.violation("the store has of " + name + " in partition " + std::to_string(item.shard.partition.value) +
                            " " + text_of(item.row) + ", the log says " +
                            (row ? text_of(*row) : "that there is none as of its offset"));
  }
  for (const Counter& counter : counters_) {
    const auto counted = oracle.plain_events(counter.name);
    if (counted >= counter.acknowledged && counted <= counter.acknowledged + counter.unknown) continue;
    return trace_.violation("the log counts " + std::to_string(counted) + " plain events of " + counter.name + ", " +
                            std::to_string(counter.acknowledged) + " were acknowledged and " +
                            std::to_string(counter.unknown) + " are unknown");
  }
}

}  // namespace quipu::sim
