#include "sim/clients.h"

#include <algorithm>
#include <utility>

#include "sim/clients_parts.h"

namespace quipu::sim {
namespace {

constexpr std::size_t kNameShown = 10;

std::string text_of(const Operation& operation) {
  static constexpr const char* kKinds[] = {"add", "set", "reset", "read"};
  std::string text = std::string(kKinds[static_cast<std::size_t>(operation.kind)]) + "(" +
                     std::string(operation.counter.substr(0, kNameShown));
  if (operation.kind == OperationKind::kAdd || operation.kind == OperationKind::kSet) {
    text += " " + std::to_string(operation.delta);
  }
  if (operation.group == GroupKind::kIds) text += " id " + std::to_string(operation.id.id.low % 10'000);
  if (operation.group == GroupKind::kSource) text += " sequence " + std::to_string(operation.sequence);
  if (operation.condition != SetCondition::kAlways) text += " if";
  if (operation.memory_ack) text += " memory";
  if (operation.together > 1) text += operation.each_alone ? " transaction" : " together";
  return text + ")";
}

}  // namespace

Clients::Clients(const Settings& settings, Random& random, Trace& trace)
    : settings_(settings), random_(random), trace_(trace) {
  draw_names();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < settings_.counters; ++i) names.push_back(places_[i].name);
  history_ = std::make_unique<History>(trace_, std::move(names), settings_.engine.ids_max);
  registers_.resize(settings_.loners);
  for (std::size_t i = 0; i < settings_.clients + settings_.loners; ++i) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->number = i;
    clients_.back()->alone = i >= settings_.clients;
  }
}

Clients::~Clients() = default;

void Clients::draw_names() {
  for (std::size_t i = 0; i < settings_.counters + settings_.loners; ++i) {
    Place place;
    place.space = i < settings_.counters ? kSpaces[i % 2] : kSpaces[0];
    place.name = (i < settings_.counters ? "shared" : "alone") + std::to_string(i);
    if (random_.one_in(4)) place.name.resize(std::max(place.name.size(), settings_.counter_bytes), 'x');
    places_.push_back(std::move(place));
  }
}

void Clients::begin_process(Engine& engine) {
  engine_ = &engine;
  ++process_;
}

void Clients::end_process() {
  engine_ = nullptr;
  for (auto& request : requests_) {
    if (request->client != nullptr) request->client->waits_for = nullptr;
    std::vector<Register::Asked> alone;
    std::vector<History::EventNumber> batch;
    for (Ask& ask : request->asks) {
      if (ask.kind == Ask::Kind::kAlone) alone.push_back(ask.asked);
      if (ask.kind == Ask::Kind::kEvent) batch.push_back(ask.event);
      unknown(ask);
    }
    if (batch.size() > 1 && request->batch.operations.front().together > 1) history_->tie(std::move(batch));
    if (!alone.empty()) registers_[request->asks.front().place - settings_.counters].lost(alone);
    if (request->all) --looks_;
  }
  requests_.clear();
  for (Flush& flush : flushes_) {
    for (const auto& reset : flush.resets) history_->end_reset(reset, History::End::kUnknown);
  }
  flushes_.clear();
}

void Clients::new_log() {
  history_->new_log();
  for (Register& alone : registers_) alone.split();
}

void Clients::act() { act(*clients_[random_.below(clients_.size())]); }

void Clients::act(Client& client) {
  if (engine_ == nullptr || engine_->state() != EngineState::kServing) return;
  if (client.waits_for != nullptr) {
    if (client.alone || settling_ || !random_.one_in(settings_.faults.client_gives_up)) return;
    // Its connection is gone. What it asked for goes on.
    trace_.fault(Fault::kClientGivesUp, "client " + std::to_string(client.number));
    client.waits_for->client = nullptr;
    client.waits_for = nullptr;
  }
  auto request = std::make_unique<Request>();
  request->clients = this;
  if (client.alone) {
    act_alone(client, *request);
  } else {
    act_shared(client, *request);
  }
  if (!request->asks.empty()) submit(std::move(request), &client);
}

void Clients::submit(std::unique_ptr<Request> request, Client* client) {
  Request& given = *request;
  given.client = client;
  if (client != nullptr) client->waits_for = &given;
  for (const Operation& operation : given.batch.operations) {
    if (operation.kind != OperationKind::kRead) ++events_;
  }
  requests_.push_back(std::move(request));
  given.number = ++asked_;
  std::string text = "request " + std::to_string(given.number) + " of client " +
                     (client != nullptr ? std::to_string(client->number) : "-") + ":";
  for (const Operation& operation : given.batch.operations) text += " " + text_of(operation);
  trace_.line(text);
  if (!engine_->submit(given.batch, given)) trace_.line("request " + std::to_string(given.number) + " is parked");
}

void Clients::ask_for_all() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    auto request = std::make_unique<Request>();
    request->clients = this;
    request->all = true;
    ++looks_;
    if (i < settings_.counters) {
      ask_read(*request, i);
    } else {
      Ask ask;
      ask.kind = Ask::Kind::kAlone;
      ask.place = i;
      request->batch.operations.push_back(operation(OperationKind::kRead, i));
      request->asks.push_back(std::move(ask));
    }
    submit(std::move(request), nullptr);
  }
}

bool Clients::settled() const {
  if (!requests_.empty() || !flushes_.empty()) return false;
  for (const auto event : with_id_) {
    if (!history_->acknowledged(event) && history_->may_repeat(event)) return false;
  }
  for (const auto& client : clients_) {
    for (const auto event : client->source_events) {
      if (!history_->acknowledged(event)) return false;
    }
  }
  return true;
}

std::string Clients::waiting_for() const {
  std::size_t not_acknowledged = 0;
  for (const auto event : with_id_) not_acknowledged += history_->acknowledged(event) ? 0 : 1;
  for (const auto& client : clients_) {
    for (const auto event : client->source_events) not_acknowledged += history_->acknowledged(event) ? 0 : 1;
  }
  std::size_t parked = 0;
  for (const auto& request : requests_) parked += request->done ? 0 : 1;
  return std::to_string(requests_.size()) + " requests without an answer, " + std::to_string(parked) +
         " of them in the engine, " + std::to_string(not_acknowledged) + " events to be sent again";
}

std::vector<Clients::Total> Clients::totals() const {
  std::vector<Total> all;
  for (const Place& place : places_) all.push_back({place.space, place.name, place.value, place.exists});
  return all;
}

}  // namespace quipu::sim
