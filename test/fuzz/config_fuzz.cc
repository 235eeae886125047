#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <toml.hpp>
#include <utility>
#include <vector>

#include "cli/config_file.h"
#include "cli/config_keys.h"
#include "cli/config_page.h"
#include "fuzz/fuzz.h"

namespace quipu::fuzz {
namespace {

/// What a file sets, or nothing where anything in it is refused.
std::optional<LoadedConfig> loaded(std::string_view text) {
  const auto entries = parse_config_text(text, "quipu.toml");
  if (!entries) {
    require(entries.error().what.starts_with("quipu.toml:"), "an error names file and line");
    return std::nullopt;
  }
  LoadedConfig loaded;
  for (const auto& entry : *entries) {
    if (entry.empty_table) continue;
    const auto set = set_key(loaded.config, entry.name, entry.value);
    if (!set) {
      require(!set.error().what.empty(), "a refusal has a reason");
      return std::nullopt;
    }
    loaded.origins[entry.name] = "quipu.toml:" + std::to_string(entry.line);
  }
  return loaded;
}

/// What a file sets, by name, with the tables around it written out.
using Settings = std::vector<std::pair<std::string, KeyValue>>;

/// What toml11 makes of a table: the second opinion. Ends the process at a kind of value that no key takes.
void flatten(const std::string& prefix, const toml::table& table, Settings& settings) {
  if (table.empty() && !prefix.empty()) settings.emplace_back(prefix, std::string());
  for (const auto& [key, value] : table) {
    const auto name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_table()) {
      flatten(name, value.as_table(), settings);
    } else if (value.is_string()) {
      settings.emplace_back(name, value.as_string().str);
    } else if (value.is_integer()) {
      settings.emplace_back(name, value.as_integer());
    } else if (value.is_boolean()) {
      settings.emplace_back(name, value.as_boolean());
    } else {
      require(value.is_array(), "a value is of a kind that a key takes");
      std::vector<std::string> texts;
      for (const auto& item : value.as_array()) texts.push_back(item.as_string().str);
      settings.emplace_back(name, std::move(texts));
    }
  }
}

/// What is read as TOML another reader of TOML reads, and finds the same there.
void check_against_toml11(std::string_view text) {
  const auto entries = parse_config_text(text, "quipu.toml");
  if (!entries) return;
  Settings ours;
  for (const auto& entry : *entries) ours.emplace_back(entry.name, entry.value);
  Settings theirs;
  try {
    std::istringstream in{std::string(text)};
    flatten("", toml::parse(in, "quipu.toml").as_table(), theirs);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "toml11: %s\n", error.what());
    require(false, "what was read is TOML");
  }
  std::ranges::sort(ours);
  std::ranges::sort(theirs);
  require(ours == theirs, "it sets the same");
}

/// A configuration is printed as a file that brings it about.
void check(std::string_view text) {
  const auto first = loaded(text);
  if (!first || !validate(first->config)) return;
  auto printed = config_toml(*first);
  const auto second = loaded(printed);
  require(second.has_value(), "what is printed is read");
  require(validate(second->config).has_value(), "and is sound");
  LoadedConfig again{second->config, first->origins, {}};
  require(config_toml(again) == printed, "and says the same");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  quipu::fuzz::check(text);
  quipu::fuzz::check_against_toml11(text);
  return 0;
}
