#include "model/live_graph.h"

#include <algorithm>

namespace quipu {
namespace {

class Comparison {
 public:
  Comparison(const Architecture& model, const LiveGraph& built, std::string_view form)
      : model_(model), built_(built), form_(form) {}

  std::vector<std::string> run() {
    for (const Element& element : model_.elements) {
      if (is_part(element.kind)) compare_part(element);
      if (element.kind == "person") look_for_edge_of(element);
    }
    for (const LiveGraph::Part& part : built_.parts()) {
      const Element* const element = model_.find(part.built.id);
      if (element == nullptr || !is_part(element->kind))
        say("the part " + part.built.id + " runs and is not in the model");
    }
    for (const Relation& relation : model_.relations) {
      if (is_drawn(model_, relation) && !edge(relation.from, relation.to)) {
        say("the relation " + relation.from + " -> " + relation.to + " is in the model and nothing is joined so");
      }
    }
    for (const LiveGraph::Edge& joined : built_.edges()) compare_edge(joined.built);
    for (const Scenario& scenario : model_.scenarios) compare_scenario(scenario);
    return std::move(found_);
  }

 private:
  void say(std::string what) { found_.push_back(std::move(what)); }

  bool edge(std::string_view from, std::string_view to) const {
    return std::ranges::any_of(built_.edges(), [&](const LiveGraph::Edge& joined) {
      return joined.built.from == from && joined.built.to == to;
    });
  }

  void compare_part(const Element& element) {
    const auto& parts = built_.parts();
    const auto runs = [&](const LiveGraph::Part& part) { return part.built.id == element.id; };
    const auto part = std::ranges::find_if(parts, runs);
    if (part == parts.end()) return say("the " + element.kind + " " + element.id + " is in the model and does not run");
    if (std::ranges::count_if(parts, runs) > 1) say("the part " + element.id + " is joined twice");
    const BuiltPart& built = part->built;
    if (built.kind != element.kind) {
      say(element.id + " is a " + built.kind + " and a " + element.kind + " in the model");
    }
    const auto technology = technology_of_form(element.technology, form_);
    if (built.technology != technology) {
      say(element.id + " is made of \"" + built.technology + "\" and of \"" + std::string(technology) +
          "\" in the model");
    }
    const auto times = std::to_string(built.instances);
    if (!element.scale) {
      if (built.instances != 1) say(element.id + " runs " + times + " times and has no scale in the model");
      return;
    }
    if (element.scale->min && built.instances < *element.scale->min) {
      say(element.id + " runs " + times + " times and at least " + std::to_string(*element.scale->min) +
          " times in the model");
    }
    if (element.scale->max && built.instances > *element.scale->max) {
      say(element.id + " runs " + times + " times and at most " + std::to_string(*element.scale->max) +
          " times in the model");
    }
  }

  void look_for_edge_of(const Element& person) {
    const auto has = [&](const LiveGraph::Edge& joined) {
      return joined.built.from == person.id || joined.built.to == person.id;
    };
    if (!std::ranges::any_of(built_.edges(), has))
      say("the person " + person.id + " is in the model and meets no part");
  }

  void compare_edge(const BuiltEdge& joined) {
    const auto same = [&](const Relation& relation) {
      return relation.from == joined.from && relation.to == joined.to;
    };
    if (!std::ranges::any_of(model_.relations, same)) {
      say("the edge " + joined.from + " -> " + joined.to + " is joined and not in the model");
    }
  }

  void compare_scenario(const Scenario& scenario) {
    if (scenario.steps.empty()) say("the scenario " + scenario.id + " has no step");
    for (const Relation& step : scenario.steps) {
      if (edge(step.from, step.to) || edge(step.to, step.from)) continue;
      say("the scenario " + scenario.id + " goes " + step.from + " -> " + step.to + " and nothing is joined so");
    }
  }

  const Architecture& model_;
  const LiveGraph& built_;
  std::string_view form_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> differences(const Architecture& model, const LiveGraph& built, std::string_view form) {
  return Comparison(model, built, form).run();
}

}  // namespace quipu
