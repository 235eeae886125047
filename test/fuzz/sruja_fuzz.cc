#include <cctype>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/fuzz.h"
#include "http/architecture_answer.h"
#include "model/sruja.h"

namespace quipu::fuzz {
namespace {

/// Whether it begins with `line:column: `.
bool names_place(std::string_view text) {
  for (const std::string_view behind : {":", ": "}) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0) return false;
    while (!text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) != 0) text.remove_prefix(1);
    if (!text.starts_with(behind)) return false;
    text.remove_prefix(behind.size());
  }
  return true;
}

void check(std::string_view text) {
  const auto model = read_architecture(text);
  if (!model) {
    require(names_place(model.error().what), "an error names its place");
    return;
  }
  const SrujaLimits limits;
  require(model->elements.size() <= limits.elements_max, "no more elements than the bound");
  require(model->relations.size() <= limits.relations_max, "no more relations than the bound");
  for (const Element& element : model->elements) {
    require(model->find(element.id) == &element, "an id is one element's");
    require(element.parent.empty() || model->find(element.parent) != nullptr, "what encloses it is there");
  }
  for (const Relation& relation : model->relations) {
    require(model->find(relation.from) != nullptr && model->find(relation.to) != nullptr, "both ends are there");
  }
  const auto answer = architecture_answer(*model, {}, "Embedded");
  require(nlohmann::json::accept(answer), "the page is given JSON");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
