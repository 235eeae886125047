#include "model/sruja.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "model/sruja_cursor.h"
#include "model/sruja_references.h"

namespace quipu {
namespace {

using Kind = SrujaToken::Kind;

/// Kinds that need no `NAME = kind "..."`: those of the form with an `architecture` block ...
constexpr std::array<std::string_view, 7> kBuildingKinds = {"person",   "system",    "container", "component",
                                                            "database", "datastore", "queue"};
/// ... and what is never declared. Their bodies are read over.
constexpr std::array<std::string_view, 3> kWrittenKinds = {"requirement", "adr", "policy"};
constexpr std::array<std::string_view, 3> kScenarioKinds = {"scenario", "story", "flow"};
/// Properties of an element that are read over.
constexpr std::array<std::string_view, 11> kOtherProperties = {"slo",   "metadata",      "sources",      "version",
                                                               "doc",   "documentation", "canonical_id", "aliases",
                                                               "owner", "domain",        "criticality"};
/// Blocks at the top that are read over.
constexpr std::array<std::string_view, 6> kOtherBlocks = {"overview", "metadata",    "slo",
                                                          "styles",   "constraints", "conventions"};

bool among(const auto& list, std::string_view name) { return std::ranges::find(list, name) != list.end(); }

bool same_scenario(std::string_view name) { return among(kScenarioKinds, name); }

/// Statements over the cursor's tokens.
class Parser : private SrujaCursor {
 public:
  Parser(std::vector<SrujaToken> tokens, const SrujaLimits& limits) : SrujaCursor(std::move(tokens), limits) {}

  Result<Architecture> parse() {
    while (peek().kind != Kind::kEnd) {
      if (auto read = read_statement("", 0); !read) return std::unexpected(read.error());
    }
    return resolve();
  }

 private:
  struct PendingScenario {
    std::string id;
    std::string title;
    std::vector<SrujaRelation> steps;
  };

  // Statements, at the top and in blocks.

  Result<void> read_statement(const std::string& scope, std::size_t depth) {
    if (peek().kind != Kind::kName) return expected("a definition, a relation or a block");
    if (is_mark('=', 1)) return read_definition(scope, depth);
    if (peek(1).kind == Kind::kArrow || is_mark('.', 1)) return read_relation(scope, relations_);
    const auto& word = peek().text;
    if (scope.empty() && among(kOtherBlocks, word)) {
      next();
      return skip_block(depth);
    }
    if (word == "architecture" && scope.empty() && depth == 0) return read_architecture_block();
    if (word == "view") return read_view(depth);
    if (among(kBuildingKinds, word) || declared_.contains(word)) {
      auto kind = next().text;
      const auto place = peek().place;
      auto id = take_name("the id of the " + kind);
      if (!id) return std::unexpected(id.error());
      return read_element(std::move(kind), std::move(*id), place, scope, depth);
    }
    if (same_scenario(word)) {
      next();
      auto id = take_name("the id of the scenario");
      if (!id) return std::unexpected(id.error());
      return read_scenario(std::move(*id), scope, depth);
    }
    return expected("`ID = kind`, `ID -> ID`, an element or a block such as overview and view");
  }

  /// `architecture "Title" { ... }`
  Result<void> read_architecture_block() {
    next();
    auto title = take_string("the title of the architecture");
    if (!title) return std::unexpected(title.error());
    architecture_.title = std::move(*title);
    const auto opened = peek().place;
    if (auto open = open_block(0, "before the architecture"); !open) return open;
    while (true) {
      const auto more = block_goes_on(opened);
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
      if (auto read = read_statement("", 1); !read) return read;
    }
  }

  /// `ID = kind "Label"`, `ID = container "Label" { ... }`, `ID = scenario "Title" { ... }`, ...
  Result<void> read_definition(const std::string& scope, std::size_t depth) {
    const auto place = peek().place;
    auto id = next().text;
    next();
    const auto kind_place = peek().place;
    auto kind = take_name("a kind");
    if (!kind) return std::unexpected(kind.error());
    if (*kind == "kind" || *kind == "tag") {
      if (auto label = take_string("the label of the kind"); !label) return std::unexpected(label.error());
      if (*kind == "kind") declared_.insert(std::move(id));
      return {};
    }
    if (same_scenario(*kind)) return read_scenario(std::move(id), scope, depth);
    if (among(kWrittenKinds, *kind)) return read_written(std::move(*kind), std::move(id), place, depth);
    if (!declared_.contains(*kind)) {
      return sruja_error(
          kind_place, "expected a kind that is declared above (`" + *kind + " = kind \"...\"`), found `" + *kind + "`");
    }
    return read_element(std::move(*kind), std::move(id), place, scope, depth);
  }

  /// `R1 = requirement functional "..."`, `ADR001 = adr "..." { ... }`
  Result<void> read_written(std::string kind, std::string id, const SrujaPlace& place, std::size_t depth) {
    if (kind == "requirement") {
      if (auto type = take_name("the type of the requirement"); !type) return std::unexpected(type.error());
    }
    auto label = take_string("the text of the " + kind);
    if (!label) return std::unexpected(label.error());
    Element element;
    element.id = std::move(id);
    element.kind = std::move(kind);
    element.label = std::move(*label);
    if (auto added = add(std::move(element), place); !added) return added;
    return is_mark('{') ? skip_block(depth) : Result<void>();
  }

  Result<void> add(Element element, const SrujaPlace& place) {
    if (architecture_.find(element.id) != nullptr) {
      return sruja_error(place, "expected an id that is not taken, found `" + element.id + "` for the second time");
    }
    if (architecture_.elements.size() >= limits().elements_max) {
      return sruja_error(place, "more than " + std::to_string(limits().elements_max) + " elements", Code::kTooLarge);
    }
    architecture_.elements.push_back(std::move(element));
    return {};
  }

  // Elements.

  Result<void> read_element(std::string kind, std::string id, const SrujaPlace& place, const std::string& scope,
                            std::size_t depth) {
    Element element;
    element.id = scope.empty() ? std::move(id) : scope + "." + id;
    element.parent = scope;
    element.kind = kind == "datastore" ? "database" : std::move(kind);
    auto label = take_string("the label of the " + element.kind);
    if (!label) return std::unexpected(label.error());
    element.label = std::move(*label);
    const auto at = architecture_.elements.size();
    const auto own_scope = element.id;
    if (auto added = add(std::move(element), place); !added) return added;
    if (!is_mark('{')) return {};
    const auto opened = peek().place;
    if (auto open = open_block(depth, "before the element's properties"); !open) return open;
    while (true) {
      const auto more = block_goes_on(opened);
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
      if (auto read = read_in_element(at, own_scope, depth + 1); !read) return read;
    }
  }

  Result<void> read_in_element(std::size_t at, const std::string& scope, std::size_t depth) {
    if (peek().kind != Kind::kName) return expected("a property, an element or a relation");
    const auto word = peek().text;
    const bool statement = is_mark('=', 1) || is_mark('.', 1) || peek(1).kind == Kind::kArrow ||
                           peek(1).kind == Kind::kName || same_scenario(word);
    if (statement) return read_statement(scope, depth);
    if (word == "technology") return read_text(architecture_.elements[at].technology);
    if (word == "description") return read_text(architecture_.elements[at].description);
    if (word == "tags") {
      next();
      return read_list(architecture_.elements[at].tags);
    }
    if (word == "scale") return read_scale(at, depth);
    if (among(kOtherProperties, word)) {
      next();
      return skip_value(depth);
    }
    return expected("a property (technology, description, tags, scale, ...), an element or a relation");
  }

  Result<void> read_text(std::string& text) {
    const auto name = next().text;
    auto value = take_string("the " + name);
    if (!value) return std::unexpected(value.error());
    text = std::move(*value);
    return {};
  }

  /// `scale { min 5 max 50 metric "..." }`
  Result<void> read_scale(std::size_t at, std::size_t depth) {
    next();
    const auto opened = peek().place;
    if (auto open = open_block(depth, "after scale"); !open) return open;
    ElementScale scale;
    while (true) {
      const auto more = block_goes_on(opened);
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (is_name("metric")) {
        if (auto read = read_text(scale.metric); !read) return read;
      } else if (is_name("min") || is_name("max")) {
        auto& bound = next().text == "min" ? scale.min : scale.max;
        auto number = take_number();
        if (!number) return std::unexpected(number.error());
        bound = *number;
      } else {
        return expected("min, max or metric");
      }
    }
    if (scale.min && scale.max && *scale.min > *scale.max) return sruja_error(opened, "expected min not above max");
    architecture_.elements[at].scale = std::move(scale);
    return {};
  }

  // Relations and scenarios.

  Result<SrujaReference> take_reference(const std::string& scope) {
    SrujaReference reference{"", scope, peek().place};
    while (true) {
      auto name = take_name("the id of an element");
      if (!name) return std::unexpected(name.error());
      reference.name += *name;
      if (!is_mark('.')) return reference;
      next();
      reference.name += '.';
    }
  }

  /// `A -> B "label" [tag, tag]`
  Result<void> read_relation(const std::string& scope, std::vector<SrujaRelation>& relations) {
    if (++relations_read_ > limits().relations_max) {
      return sruja_error(peek().place, "more than " + std::to_string(limits().relations_max) + " relations",
                         Code::kTooLarge);
    }
    SrujaRelation relation;
    auto from = take_reference(scope);
    if (!from) return std::unexpected(from.error());
    relation.from = std::move(*from);
    if (peek().kind != Kind::kArrow) return expected("`->`");
    next();
    auto to = take_reference(scope);
    if (!to) return std::unexpected(to.error());
    relation.to = std::move(*to);
    if (peek().kind == Kind::kString) relation.label = next().text;
    if (is_mark('[')) {
      if (auto read = read_list(relation.tags); !read) return read;
    }
    relations.push_back(std::move(relation));
    return {};
  }

  /// `"Title" { step A -> B "..." ... }`; the word `step` may be left out.
  Result<void> read_scenario(std::string id, const std::string& scope, std::size_t depth) {
    const auto place = peek().place;
    auto title = take_string("the title of the scenario");
    if (!title) return std::unexpected(title.error());
    Element element;
    element.id = scope.empty() ? std::move(id) : scope + "." + id;
    element.parent = scope;
    element.kind = "scenario";
    element.label = *title;
    PendingScenario scenario{element.id, std::move(*title), {}};
    if (auto added = add(std::move(element), place); !added) return added;
    const auto opened = peek().place;
    if (auto open = open_block(depth, "before the steps"); !open) return open;
    while (true) {
      const auto more = block_goes_on(opened);
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (is_name("step") && peek(1).kind == Kind::kName) next();
      if (auto read = read_relation(scope, scenario.steps); !read) return read;
    }
    scenarios_.push_back(std::move(scenario));
    return {};
  }

  /// `view index { title "..." ... }`: only the title of the view `index` is kept.
  Result<void> read_view(std::size_t depth) {
    next();
    const bool index = is_name("index");
    while (peek().kind == Kind::kName || peek().kind == Kind::kString || is_mark('.')) next();
    if (index && architecture_.title.empty() && is_mark('{') && is_name("title", 1) && peek(2).kind == Kind::kString) {
      architecture_.title = peek(2).text;
    }
    return skip_block(depth);
  }

  Result<Architecture> resolve() {
    for (SrujaRelation& relation : relations_) {
      auto resolved = resolve_relation(architecture_, std::move(relation));
      if (!resolved) return std::unexpected(resolved.error());
      architecture_.relations.push_back(std::move(*resolved));
    }
    for (PendingScenario& pending : scenarios_) {
      Scenario scenario{std::move(pending.id), std::move(pending.title), {}};
      for (SrujaRelation& step : pending.steps) {
        auto resolved = resolve_relation(architecture_, std::move(step));
        if (!resolved) return std::unexpected(resolved.error());
        scenario.steps.push_back(std::move(*resolved));
      }
      architecture_.scenarios.push_back(std::move(scenario));
    }
    return std::move(architecture_);
  }

  std::size_t relations_read_ = 0;
  std::set<std::string, std::less<>> declared_;
  Architecture architecture_;
  std::vector<SrujaRelation> relations_;
  std::vector<PendingScenario> scenarios_;
};

}  // namespace

Result<Architecture> read_architecture(std::string_view text, const SrujaLimits& limits) {
  auto tokens = read_sruja_tokens(text, limits);
  if (!tokens) return std::unexpected(tokens.error());
  return Parser(std::move(*tokens), limits).parse();
}

}  // namespace quipu
