#include "http/architecture_answer.h"

namespace quipu {
namespace {

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const auto& text : texts) {
    if (out.back() != '[') out += ',';
    append_json_string(out, text);
  }
  out += ']';
}

void append_element(std::string& out, const Element& element, std::string_view form) {
  JsonObject json(out);
  json.text("id", element.id).text("parent", element.parent).text("kind", element.kind).text("label", element.label);
  json.text("built_of", technology_of_form(element.technology, form)).text("technology", element.technology);
  json.text("description", element.description);
  append_texts(json.begin("tags"), element.tags);
  if (element.scale) {
    JsonObject scale(json.begin("scale"));
    if (element.scale->min) scale.count("min", *element.scale->min);
    if (element.scale->max) scale.count("max", *element.scale->max);
    if (!element.scale->metric.empty()) scale.text("metric", element.scale->metric);
    scale.end();
  }
  json.end();
}

void append_relations(std::string& out, const Architecture& model, const std::vector<Relation>& relations) {
  out += '[';
  for (const Relation& relation : relations) {
    if (!is_drawn(model, relation)) continue;
    if (out.back() != '[') out += ',';
    JsonObject json(out);
    json.text("from", relation.from).text("to", relation.to).text("label", relation.label);
    append_texts(json.begin("tags"), relation.tags);
    json.end();
  }
  out += ']';
}

bool is_shown(const Element& element) {
  return is_part(element.kind) || element.kind == "person" || element.kind == "system";
}

}  // namespace

std::string architecture_answer(const Architecture& model, const std::vector<std::string>& differences,
                                std::string_view form) {
  std::string body;
  JsonObject json(body);
  json.text("title", model.title).text("form", form);
  auto& elements = json.begin("elements");
  elements += '[';
  for (const Element& element : model.elements) {
    if (!is_shown(element)) continue;
    if (elements.back() != '[') elements += ',';
    append_element(elements, element, form);
  }
  elements += ']';
  append_relations(json.begin("relations"), model, model.relations);
  auto& scenarios = json.begin("scenarios");
  scenarios += '[';
  for (const Scenario& scenario : model.scenarios) {
    if (scenarios.back() != '[') scenarios += ',';
    JsonObject item(scenarios);
    item.text("id", scenario.id).text("title", scenario.title);
    append_relations(item.begin("steps"), model, scenario.steps);
    item.end();
  }
  scenarios += ']';
  append_texts(json.begin("differences"), differences);
  json.end();
  return body;
}

void append_graph(JsonObject& json, const LiveGraph& graph) {
  auto& parts = json.begin("parts");
  parts += '[';
  for (const LiveGraph::Part& part : graph.parts()) {
    if (parts.back() != '[') parts += ',';
    JsonObject item(parts);
    item.text("id", part.built.id).text("kind", part.built.kind).text("technology", part.built.technology);
    item.count("instances", part.built.instances);
    JsonObject figures(item.begin("figures"));
    for (const auto& [name, value] : part.figures()) figures.count(name, value);
    figures.end();
    item.end();
  }
  parts += ']';
  auto& edges = json.begin("edges");
  edges += '[';
  for (const LiveGraph::Edge& edge : graph.edges()) {
    if (edges.back() != '[') edges += ',';
    JsonObject item(edges);
    item.text("from", edge.built.from).text("to", edge.built.to).text("unit", edge.unit).count("count", *edge.crossed);
    item.end();
  }
  edges += ']';
}

}  // namespace quipu
