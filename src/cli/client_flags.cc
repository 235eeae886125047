#include "cli/client_flags.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <ostream>
#include <sstream>

#include "cli/config_load.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "ingest/api_keys.h"

namespace quipu {
namespace {

constexpr double kTimeoutSecondsMax = 3'600;

std::string trimmed(std::string text) {
  constexpr const char* kBlanks = " \t\r\n";
  text.erase(0, text.find_first_not_of(kBlanks));
  text.erase(text.find_last_not_of(kBlanks) + 1);
  return text;
}

/// A key as a header can carry it.
bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= kClientKeyBytesMax && key.find_first_of(" \t\r\n") == std::string_view::npos;
}

/// The key in a file: its only line that is neither blank nor begins with `#`.
Result<std::string> read_key(const std::string& path) {
  std::ifstream file(path);
  if (!file.is_open()) return failure(Code::kNotFound, path + ": cannot be read: " + std::strerror(errno));
  std::string text(kKeyFileBytesMax + 1, 0);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kKeyFileBytesMax) return failure(Code::kRefused, path + ": has more than 64 KiB");
  std::istringstream in(std::move(text));
  std::string key;
  for (std::string line; std::getline(in, line);) {
    line = trimmed(std::move(line));
    if (line.empty() || line.starts_with('#')) continue;
    if (!key.empty()) return failure(Code::kRefused, path + ": has more than one line; a key is one line alone");
    key = line;
  }
  if (!is_key(key)) return failure(Code::kRefused, path + ": does not hold one key, which is one word on one line");
  return key;
}

}  // namespace

std::string environment_value(const Surroundings& surroundings, std::string_view name) {
  for (const auto& [known, value] : surroundings.environment) {
    if (known == name) return value;
  }
  return "";
}

void ClientFlags::add_to(CLI::App& verb) {
  verb.add_option(
          "--server", server_,
          "The service: http://HOST:PORT, or HOST:PORT alone (default QUIPU_SERVER, else http://127.0.0.1:8080)")
      ->type_name("URL");
  verb.add_option(
          "--key-file", key_file_,
          "Read the API key from this file (default: the key in QUIPU_KEY, else none). There is no flag for the "
          "key itself, since everyone on the machine sees command lines")
      ->type_name("FILE");
  verb.add_option("--timeout", timeout_seconds_, "Seconds that one request may take")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, kTimeoutSecondsMax))
      ->capture_default_str();
  verb.add_flag("--json", json_, "Answer as one JSON object, errors too");
}

std::optional<ServiceOptions> ClientFlags::options(const Surroundings& surroundings) const {
  const auto refuse = [&](std::string what, std::string remedy) {
    report_failure(surroundings, json_, {kExitUsage, "usage", std::move(what), std::move(remedy)});
    return std::nullopt;
  };
  ServiceOptions options;
  const auto from_environment = environment_value(surroundings, kServerVariable);
  if (!server_.empty()) {
    options.server = server_;
  } else if (!from_environment.empty()) {
    options.server = from_environment;
  }
  const char* origin = server_.empty() ? kServerVariable.data() : "--server";
  const auto server = normal_server(options.server);
  if (!server) return refuse(fmt::format("{}: {}", origin, server.error().what), "");
  options.server = *server;
  options.answer_ms_max = std::llround(std::ceil(timeout_seconds_ * 1'000));
  if (key_file_.empty()) {
    options.key = trimmed(environment_value(surroundings, kKeyVariable));
    if (!options.key.empty() && !is_key(options.key))
      return refuse("QUIPU_KEY is not one word", "it holds one API key");
    return options;
  }
  auto key = read_key(key_file_);
  if (!key) return refuse("--key-file " + key.error().what, "it holds one API key; see docs/operations/keys.md");
  struct stat status{};
  if (stat(key_file_.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) {
    say(surroundings, fmt::format("warning: {} can be read by others; chmod 600 it", key_file_));
  }
  options.key = std::move(*key);
  return options;
}

int exit_code_of(ServiceOutcome outcome) {
  switch (outcome) {
    case ServiceOutcome::kDone:
      return kExitOk;
    case ServiceOutcome::kNotFound:
      return kExitNotFound;
    case ServiceOutcome::kBusy:
      return kExitNotReady;
    case ServiceOutcome::kUnreachable:
      return kExitUnreachable;
    case ServiceOutcome::kRefused:
    case ServiceOutcome::kNotAllowed:
    case ServiceOutcome::kTooLarge:
    case ServiceOutcome::kUnknown:
      break;
  }
  return kExitFailure;
}

int report_answer(const Surroundings& surroundings, bool json, const ServiceAnswer& answer) {
  std::string what;
  std::string remedy;
  switch (answer.outcome) {
    case ServiceOutcome::kUnreachable:
      what = "unreachable: ";
      remedy = "start the service (quipu serve) or name it with --server or QUIPU_SERVER";
      break;
    case ServiceOutcome::kNotAllowed:
      what = "refused: ";
      remedy = "give a key that has the right: --key-file FILE or QUIPU_KEY";
      break;
    case ServiceOutcome::kBusy:
      what = "busy, nothing was changed: ";
      remedy = fmt::format("try again after {:.0f} s", std::ceil(static_cast<double>(answer.retry_after_ms) / 1'000));
      break;
    case ServiceOutcome::kUnknown:
      what = "unknown, perhaps done: ";
      remedy = "only a repeat with the same --id is safe; else look at the counter first";
      break;
    default:
      what = "refused: ";
      break;
  }
  return report_failure(
      surroundings, json,
      {exit_code_of(answer.outcome), std::string(outcome_word(answer.outcome)), what + printable(answer.what), remedy});
}

}  // namespace quipu
