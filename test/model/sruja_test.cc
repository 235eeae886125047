#include "model/sruja.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string kinds_text() {
  return "person = kind \"Person\"\nsystem = kind \"System\"\ncontainer = kind \"Container\"\nqueue = kind \"Queue\"\n"
         "database = kind \"Database\"\n";
}

/// `A -> B: label`, one each.
std::vector<std::string> arrows(const std::vector<Relation>& relations) {
  std::vector<std::string> all;
  for (const Relation& relation : relations)
    all.push_back(relation.from + " -> " + relation.to + ": " + relation.label);
  return all;
}

Architecture read(const std::string& text) {
  auto read = read_architecture(text);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().what);
  return read ? std::move(*read) : Architecture{};
}

std::string refusal(const std::string& text, const SrujaLimits& limits = {}) {
  const auto read = read_architecture(text, limits);
  EXPECT_FALSE(read.has_value()) << text;
  return read ? "" : read.error().what;
}

TEST(Sruja, ReadsTheFlatForm) {
  const auto model = read(kinds_text() + R"(
Reader = person "Reader"
Library = system "Library" {
  description "Lends books"
  Desk = container "Front Desk" {
    technology "Go"
    description "Takes \"orders\""
    tags ["edge", busy]
    scale {
      min 5
      max 50
      metric "readers"
    }
  }
  Shelf = database "Shelf"
}
Reader -> Library.Desk "Asks" [http, tls]
Library.Desk -> Library.Shelf "Fetches"
Lend = scenario "A book is lent" {
  step Reader -> Library.Desk "asks"
  Library.Desk -> Library.Shelf "fetches"
  step Library.Desk -> Reader "gives"
}
view index {
  title "The library"
  include *
}
)");
  EXPECT_EQ(model.title, "The library");
  ASSERT_EQ(model.elements.size(), 5U);
  const Element* const desk = model.find("Library.Desk");
  ASSERT_NE(desk, nullptr);
  EXPECT_EQ(desk->kind, "container");
  EXPECT_EQ(desk->parent, "Library");
  EXPECT_EQ(desk->label, "Front Desk");
  EXPECT_EQ(desk->technology, "Go");
  EXPECT_EQ(desk->description, "Takes \"orders\"");
  EXPECT_THAT(desk->tags, ElementsAre("edge", "busy"));
  ASSERT_TRUE(desk->scale.has_value());
  EXPECT_EQ(desk->scale->min, 5U);
  EXPECT_EQ(desk->scale->max, 50U);
  EXPECT_EQ(desk->scale->metric, "readers");
  EXPECT_THAT(arrows(model.relations),
              ElementsAre("Reader -> Library.Desk: Asks", "Library.Desk -> Library.Shelf: Fetches"));
  EXPECT_THAT(model.relations[0].tags, ElementsAre("http", "tls"));
  ASSERT_EQ(model.scenarios.size(), 1U);
  EXPECT_EQ(model.scenarios[0].id, "Lend");
  EXPECT_EQ(model.scenarios[0].title, "A book is lent");
  EXPECT_THAT(arrows(model.scenarios[0].steps),
              ElementsAre("Reader -> Library.Desk: asks", "Library.Desk -> Library.Shelf: fetches",
                          "Library.Desk -> Reader: gives"));
}

/// The older form, in which lessons are written: one block, kinds that are not declared, ids without their path.
constexpr const char* kLesson = R"(architecture "Likes, counted" {
    system Likes "Like Counter" {
        container Front "Front Door" {
            technology "Go"
            description "Takes 'like' events"
        }

        queue Stream "Kafka" {
            description "Keeps them until they are summed"
        }

        container Summer "Summing Worker" {
            technology "Python"
            scale { min 5 }
        }

        datastore Totals "Totals" {
            technology "Cassandra"
        }

        Front -> Stream "Produces"
        Summer -> Stream "Consumes"
        Summer -> Totals "Adds"
    }

    person Fan "Fan"

    // Further down than what it names, and further up.
    scenario Like "A fan likes a song" {
        Fan -> Front "POST /like"
        Front -> Stream "One event"
        Front -> Fan "202"

        // Later.
        Stream -> Summer "A batch"
        Summer -> Totals "likes += batch_size"
    }
})";

TEST(Sruja, ReadsTheFormWithABlock) {
  const auto model = read(kLesson);
  EXPECT_EQ(model.title, "Likes, counted");
  std::vector<std::string> ids;
  for (const Element& element : model.elements) ids.push_back(element.kind + " " + element.id);
  EXPECT_THAT(ids, ElementsAre("system Likes", "container Likes.Front", "queue Likes.Stream", "container Likes.Summer",
                               "database Likes.Totals", "person Fan", "scenario Like"));
  EXPECT_EQ(model.find("Likes.Summer")->scale->min, 5U);
  EXPECT_FALSE(model.find("Likes.Summer")->scale->max.has_value());
  EXPECT_EQ(model.find("Likes.Front")->description, "Takes 'like' events");
  EXPECT_THAT(arrows(model.relations),
              ElementsAre("Likes.Front -> Likes.Stream: Produces", "Likes.Summer -> Likes.Stream: Consumes",
                          "Likes.Summer -> Likes.Totals: Adds"));
  ASSERT_EQ(model.scenarios.size(), 1U);
  EXPECT_THAT(
      arrows(model.scenarios[0].steps),
      ElementsAre("Fan -> Likes.Front: POST /like", "Likes.Front -> Likes.Stream: One event", "Likes.Front -> Fan: 202",
                  "Likes.Stream -> Likes.Summer: A batch", "Likes.Summer -> Likes.Totals: likes += batch_size"));
}

TEST(Sruja, ReadsTheModelOfThisSystem) {
  const auto model = read(std::string(architecture_text()));
  EXPECT_EQ(model.title, "Distributed counter");
  EXPECT_NE(model.find("CounterService.Worker"), nullptr);
  EXPECT_EQ(model.find("CounterService.Worker")->scale->min, 5U);
  EXPECT_EQ(model.relations.size(), 15U);
  ASSERT_EQ(model.scenarios.size(), 2U);
  EXPECT_EQ(model.scenarios[0].id, "TrackView");
}

TEST(Sruja, SaysWhereATextIsWrongAndWhatItExpected) {
  const auto& kinds = kinds_text();
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {kinds + "A = contaner \"A\"",
       "6:5: expected a kind that is declared above (`contaner = kind \"...\"`), found `contaner`"},
      {kinds + "A = container A", "6:15: expected the label of the container in quotes, found `A`"},
      {kinds + "A = container \"A\" {\n  tecnology \"Go\"\n}",
       "7:3: expected a property (technology, description, tags, scale, ...), an element or a relation, found "
       "`tecnology`"},
      {kinds + "A = container \"A\" {\n  scale { mni 5 }\n}", "7:11: expected min, max or metric, found `mni`"},
      {kinds + "A = container \"A\" {\n  scale { min \"5\" }\n}",
       "7:15: expected a whole number, found the string \"5\""},
      {kinds + "A = container \"A\" {\n  scale { min 99999999999999999999 }\n}",
       "7:15: expected a whole number, found `99999999999999999999`"},
      {kinds + "A = container \"A\" {\n  scale { min 6 max 5 }\n}", "7:9: expected min not above max"},
      {kinds + "A = container \"A\" {\n  tags [\"a\" \"b\"]\n}", "7:13: expected `,` or `]`, found the string \"b\""},
      {kinds + "A = container \"A\" {",
       "6:20: expected `}` for the block that opens at 6:19, found the end of the text"},
      {kinds + "A = container \"A\"\nA = queue \"A\"",
       "7:1: expected an id that is not taken, found `A` for the second time"},
      {kinds + "A = container \"A\"\nA -> B \"b\"",
       "7:6: expected the id of an element, found `B`, which nothing defines"},
      {kinds + "A = container \"A\"\nA => A", "7:4: expected "},
      {kinds + "A = container \"A\"\nA -> \"A\"", "7:6: expected the id of an element, found the string \"A\""},
      {kinds + "S = system \"S\" {\n X = container \"X\" }\nT = system \"T\" {\n X = container \"X\" }\nX -> S \"s\"",
       "10:1: expected an id that one element has; `X` may be S.X or T.X"},
      {kinds + "T = scenario \"T\" {\n  step A ->\n}", "8:1: expected the id of an element, found `}`"},
      {"service A \"A\"", "1:1: expected `ID = kind`, `ID -> ID`, an element or a block"},
      {"overview {\n  goals [\"a\" }\n", "2:14: expected `]`, found `}`"},
      {"overview {\n  goals \"a\"\n", "3:1: expected `}` for what opens at 1:10, found the end of the text"},
      {"view index", "1:11: expected `{`, found the end of the text"},
      {"A = kind \"no end\n", "1:10: the string that begins here does not end on its line"},
      {"A = kind \"a\\q\"", "1:12: expected one of \\\" \\' \\\\ \\n \\t in a string"},
      {"/* no end", "1:1: the comment that begins here has no */"},
      {"\xc3\xa4 = kind \"a\"",
       "1:1: expected a name, a string, a number, an arrow or one of = { } [ ] , . : *, found the byte 0xc3"},
      {"/* \xc3\xa4\xc3\xb6 */ ;", "1:10: expected a name, a string"},
      {std::string("A = kind \"A\"\0", 13),
       "1:13: expected a name, a string, a number, an arrow or one of = { } [ ] , . : *, found the byte 0x00"},
      {"architecture {", "1:14: expected the title of the architecture in quotes, found `{`"},
      {"architecture \"A\" { } }", "1:22: expected a definition, a relation or a block, found `}`"},
  };
  for (const auto& [text, what] : wrong) EXPECT_THAT(refusal(text), HasSubstr(what)) << text;
}

TEST(Sruja, KeepsItsBounds) {
  SrujaLimits limits;
  limits.text_bytes_max = 200;
  EXPECT_THAT(refusal(std::string(201, ' '), limits), HasSubstr("1:1: the text is longer than 200 bytes"));
  EXPECT_TRUE(read_architecture(std::string(200, ' '), limits).has_value());

  limits = {};
  limits.string_bytes_max = 8;
  EXPECT_TRUE(read_architecture("a = kind \"12345678\"", limits).has_value());
  EXPECT_THAT(refusal("a = kind \"123456789\"", limits), HasSubstr("1:10: longer than 8 bytes"));
  EXPECT_THAT(refusal("abcdefghi = kind \"a\"", limits), HasSubstr("1:1: longer than 8 bytes"));

  limits = {};
  limits.elements_max = 2;
  EXPECT_TRUE(read_architecture("system A \"A\" system B \"B\"", limits).has_value());
  EXPECT_THAT(refusal("system A \"A\" system B \"B\" system C \"C\"", limits), HasSubstr("1:34: more than 2 elements"));

  limits = {};
  limits.relations_max = 2;
  EXPECT_TRUE(read_architecture("system A \"A\" A -> A A -> A", limits).has_value());
  EXPECT_THAT(refusal("system A \"A\" A -> A A -> A A -> A", limits), HasSubstr("1:28: more than 2 relations"));

  limits = {};
  limits.depth_max = 3;
  const std::string deep = "system A \"A\" { system B \"B\" { system C \"C\" { ";
  EXPECT_TRUE(read_architecture(deep + "} } }", limits).has_value());
  EXPECT_THAT(refusal(deep + "system D \"D\" { } } } }", limits), HasSubstr("1:59: more than 3 blocks in each other"));
  EXPECT_THAT(refusal("overview { a { b { c { } } } }", limits), HasSubstr("1:22: more than 3 blocks in each other"));
}

/// Whatever stands there: an answer with a place, or a model; never an end of the process.
TEST(Sruja, SurvivesEveryCutAndEveryAlteredByte) {
  const std::string whole(architecture_text());
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); i += 3) {
    const auto cut = read_architecture(whole.substr(0, i));
    std::string altered = whole;
    altered[i] = static_cast<char>(altered[i] ^ (1 << (i % 8)));
    const auto other = read_architecture(altered);
    for (const auto* answer : {&cut, &other}) {
      if (*answer) continue;
      ++refused;
      EXPECT_THAT(answer->error().what, testing::MatchesRegex("[0-9]+:[0-9]+: .+"));
    }
  }
  EXPECT_GT(refused, whole.size() / 8);
}

TEST(Technology, IsReadByForm) {
  const std::string both = "Embedded: C++23, HTTP/1.1. In the process. Distributed: nodes";
  EXPECT_EQ(technology_of_form(both, "Embedded"), "C++23, HTTP/1.1. In the process");
  EXPECT_EQ(technology_of_form(both, "Distributed"), "nodes");
  EXPECT_EQ(technology_of_form("Go", "Embedded"), "Go");
  EXPECT_EQ(technology_of_form("Distributed: Redis", "Embedded"), "");
  EXPECT_EQ(technology_of_form("", "Embedded"), "");
}

}  // namespace
}  // namespace quipu
