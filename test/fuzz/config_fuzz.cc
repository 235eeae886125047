#include <optional>
#include <string>

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
  quipu::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
