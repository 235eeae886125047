#include "cli/client_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "ingest/names.h"

namespace quipu {
namespace {

using Json = nlohmann::ordered_json;

/// Within the header that a service takes by default, and its counters of one read.
constexpr std::size_t kQueryBytesMax = 8'000;
constexpr std::size_t kCountersPerRead = 1'000;
constexpr std::uint64_t kTopMax = 1'000;

std::string dumped(const Json& object) {
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int usage(const Surroundings& surroundings, const ClientFlags& flags, const std::string& what) {
  return report_failure(surroundings, flags.json(), {kExitUsage, "usage", what, ""});
}

/// Whatever is wrong with the names; "" where nothing is.
std::string wrong_names(const std::string& space, const std::vector<std::string>& counters) {
  if (auto valid = validate_namespace(space); !valid) return fmt::format("NAMESPACE {}: {}", space, valid.error().what);
  for (const auto& counter : counters) {
    if (auto valid = validate_counter(counter); !valid) return "COUNTER: " + valid.error().what;
  }
  return "";
}

std::string name_of(const Json& item) {
  for (const char* field : {"counter", "counter_encoded"}) {
    if (item.contains(field) && item[field].is_string()) return printable(item[field].get<std::string>());
  }
  return "";
}

std::string value_of(const Json& item) { return item.contains("value") ? item["value"].dump() : "0"; }

/// An answer that is JSON but not what was asked for.
int strange(const Surroundings& surroundings, const ClientFlags& flags) {
  ServiceAnswer answer;
  answer.outcome = ServiceOutcome::kUnknown;
  answer.what = "the service's answer has not the fields that it should have; is it another version?";
  return report_answer(surroundings, flags.json(), answer);
}

}  // namespace

void IncrCommand::add_to(CLI::App& verb) {
  verb.add_option("NAMESPACE", space_, "Where the counter is")->required();
  verb.add_option("COUNTER", counter_, "Its name, any 1 to 1,024 bytes; behind -- where it begins with -")->required();
  // The library's own reading cuts a number that is too large.
  const auto whole = [](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? "" : "is no whole number of 64 bits: " + text;
  };
  verb.add_option("--by", by_, "How much is added; negative as --by=-3")
      ->type_name("N")
      ->check(CLI::Validator(whole, ""))
      ->capture_default_str();
  verb.add_option("--id", id_, "An id of this event, 1 to 64 bytes: a repeat with the same id counts once")
      ->type_name("ID");
  flags_.add_to(verb);
}

int IncrCommand::run(const Surroundings& surroundings) const {
  if (const auto wrong = wrong_names(space_, {counter_}); !wrong.empty()) return usage(surroundings, flags_, wrong);
  if (!id_.empty()) {
    if (auto valid = validate_id(id_, "--id"); !valid) return usage(surroundings, flags_, valid.error().what);
  }
  const auto options = flags_.options(surroundings);
  if (!options) return kExitUsage;
  Json body = {{"delta", by_}};
  if (!id_.empty()) body["id"] = id_;
  std::string text;
  try {
    text = body.dump();
  } catch (const nlohmann::json::exception&) {
    return usage(surroundings, flags_, "--id must be UTF-8");
  }
  Service service(*options);
  const auto answer = service.post(
      fmt::format("/v1/counters/{}/{}", percent_encoded(space_), percent_encoded(counter_)), "application/json", text);
  if (!answer.done()) return report_answer(surroundings, flags_.json(), answer);
  const auto reply = Json::parse(answer.body, nullptr, false);
  if (!reply.is_object() || !reply.contains("position") || !reply["position"].is_string()) {
    return strange(surroundings, flags_);
  }
  const bool duplicate = reply.contains("duplicate");
  if (flags_.json()) {
    Json object = {{"namespace", space_}, {"counter", counter_}, {"outcome", duplicate ? "duplicate" : "counted"}};
    object.update(reply);
    surroundings.out << dumped(object);
    return kExitOk;
  }
  surroundings.out << (reply.contains("value") ? value_of(reply) : "counted in memory, not durable yet") << "\n";
  say(surroundings,
      fmt::format("{} at position {}", duplicate ? "counted before, by this id; nothing was added" : "counted",
                  printable(reply["position"].get<std::string>())));
  return kExitOk;
}

void GetCommand::add_to(CLI::App& verb) {
  verb.add_option("NAMESPACE", space_, "Where the counters are")->required();
  verb.add_option("COUNTER", counters_, "Their names; behind -- where one begins with -")->required();
  flags_.add_to(verb);
}

int GetCommand::run(const Surroundings& surroundings) const {
  if (const auto wrong = wrong_names(space_, counters_); !wrong.empty()) return usage(surroundings, flags_, wrong);
  const auto options = flags_.options(surroundings);
  if (!options) return kExitUsage;
  Service service(*options);
  Json whole;
  Json items = Json::array();
  for (std::size_t next = 0; next < counters_.size();) {
    std::string query;
    for (std::size_t count = 0; next < counters_.size() && count < kCountersPerRead; ++next, ++count) {
      const auto one = (query.empty() ? "?counter=" : "&counter=") + percent_encoded(counters_[next]);
      if (!query.empty() && query.size() + one.size() > kQueryBytesMax) break;
      query += one;
    }
    const auto answer = service.get(fmt::format("/v1/counters/{}{}", percent_encoded(space_), query));
    if (!answer.done()) return report_answer(surroundings, flags_.json(), answer);
    whole = Json::parse(answer.body, nullptr, false);
    if (!whole.is_object() || !whole.contains("counters") || !whole["counters"].is_array()) {
      return strange(surroundings, flags_);
    }
    for (const auto& item : whole["counters"]) items.push_back(item);
  }
  std::string missing;
  for (const auto& item : items) {
    if (item.contains("exists") && item["exists"] == false && missing.empty()) missing = name_of(item);
    if (flags_.json()) continue;
    surroundings.out << value_of(item);
    if (counters_.size() > 1) surroundings.out << "\t" << name_of(item);
    surroundings.out << "\n";
  }
  if (flags_.json()) {
    whole["counters"] = items;
    surroundings.out << dumped(whole);
  }
  if (missing.empty()) return kExitOk;
  say(surroundings, fmt::format("{}/{} does not exist: nothing was ever counted there", space_, missing));
  return kExitNotFound;
}

void TopCommand::add_to(CLI::App& verb) {
  verb.add_option("NAMESPACE", space_, "Where the counters are")->required();
  verb.add_option("--limit", limit_, "How many")->check(CLI::Range(std::uint64_t{1}, kTopMax))->capture_default_str();
  flags_.add_to(verb);
}

int TopCommand::run(const Surroundings& surroundings) const {
  if (const auto wrong = wrong_names(space_, {}); !wrong.empty()) return usage(surroundings, flags_, wrong);
  const auto options = flags_.options(surroundings);
  if (!options) return kExitUsage;
  Service service(*options);
  const auto answer = service.get(fmt::format("/v1/top/{}?limit={}", percent_encoded(space_), limit_));
  if (!answer.done()) return report_answer(surroundings, flags_.json(), answer);
  const auto reply = Json::parse(answer.body, nullptr, false);
  if (!reply.is_object() || !reply.contains("counters") || !reply["counters"].is_array()) {
    return strange(surroundings, flags_);
  }
  if (flags_.json()) {
    surroundings.out << dumped(reply);
    return kExitOk;
  }
  for (const auto& item : reply["counters"]) surroundings.out << value_of(item) << "\t" << name_of(item) << "\n";
  return kExitOk;
}

}  // namespace quipu
