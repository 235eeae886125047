#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// How often an element may run.
struct ElementScale {
  std::optional<std::uint64_t> min;
  std::optional<std::uint64_t> max;
  std::string metric;  ///< What the number follows; "" where it is not said.
};

/// Something that the model describes: a person, a system, a container, a database, a queue, but also a requirement, a
/// decision or a scenario.
struct Element {
  std::string id;      ///< With the ids that enclose it: `CounterService.API`.
  std::string parent;  ///< The id that encloses it; "" at the top.
  std::string kind;    ///< `person`, `container`, ...; `datastore` is read as `database`, `story` as `scenario`.
  std::string label;
  std::string technology;
  std::string description;
  std::vector<std::string> tags;
  std::optional<ElementScale> scale;
};

/// That one element does something to another, or a step of a scenario. Both ends are ids of elements.
struct Relation {
  std::string from;
  std::string to;
  std::string label;
  std::vector<std::string> tags;
};

struct Scenario {
  std::string id;
  std::string title;
  std::vector<Relation> steps;
};

/// A model as its text has it, in the text's order.
struct Architecture {
  std::string title;  ///< Of the `architecture` block, or else of `view index`; "" without either.
  std::vector<Element> elements;
  std::vector<Relation> relations;
  std::vector<Scenario> scenarios;

  /// The element of this id; null where there is none. The pointer lasts as long as `elements` is not changed.
  const Element* find(std::string_view id) const;
};

/// Whether an element of this kind is something that runs: a container, a component, a database or a queue.
bool is_part(std::string_view kind);

/// Whether a relation is one of the picture: between persons, systems and parts. The others say what a requirement, a
/// decision or a scenario has to do with them.
bool is_drawn(const Architecture& architecture, const Relation& relation);

/// What a technology says of one form of the system: `Embedded: RocksDB. Distributed: Apache Cassandra`
/// says `RocksDB` of the form `Embedded`. A technology that names no form holds for each.
std::string_view technology_of_form(std::string_view technology, std::string_view form);

/// architecture.sruja, as it was when the program was built.
std::string_view architecture_text();

}  // namespace quipu
