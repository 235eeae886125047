#include "model/architecture.h"

#include <algorithm>
#include <array>

namespace quipu {
namespace {

/// What may stand before `: ` in a technology, perhaps with a remark in brackets.
constexpr std::array<std::string_view, 2> kForms = {"Embedded", "Distributed"};

/// Where the sentence of a form begins; npos where the technology has none.
std::size_t find_form(std::string_view technology, std::string_view form) {
  for (auto at = technology.find(form); at != std::string_view::npos; at = technology.find(form, at + 1)) {
    const auto after = technology.substr(at + form.size());
    const bool begins = at == 0 || technology.substr(0, at).ends_with(". ");
    if (begins && (after.starts_with(": ") || after.starts_with(" ("))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

const Element* Architecture::find(std::string_view id) const {
  const auto found = std::ranges::find(elements, id, &Element::id);
  return found == elements.end() ? nullptr : &*found;
}

bool is_part(std::string_view kind) {
  return kind == "container" || kind == "component" || kind == "database" || kind == "queue";
}

bool is_drawn(const Architecture& architecture, const Relation& relation) {
  const auto drawn = [&](std::string_view id) {
    const Element* const element = architecture.find(id);
    return element != nullptr && (is_part(element->kind) || element->kind == "person" || element->kind == "system");
  };
  return drawn(relation.from) && drawn(relation.to);
}

std::string_view technology_of_form(std::string_view technology, std::string_view form) {
  const auto begin = find_form(technology, form);
  if (begin == std::string_view::npos) {
    const bool names_others =
        std::ranges::any_of(kForms, [&](auto other) { return find_form(technology, other) != std::string_view::npos; });
    return names_others ? std::string_view() : technology;
  }
  auto text = technology.substr(begin);
  text.remove_prefix(std::min(text.size(), text.find(": ")));
  if (text.starts_with(": ")) text.remove_prefix(2);
  for (const auto other : kForms) text = text.substr(0, find_form(text, other));
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

}  // namespace quipu
