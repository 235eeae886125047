#include "http/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "http/routes.h"

namespace quipu {
namespace {

using nlohmann::json;

/// `GET /path`, as the description names them.
std::set<std::string> described() {
  std::set<std::string> all;
  const auto document = json::parse(openapi_text());
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      std::string name;
      for (const char c : method) name += static_cast<char>(c - 'a' + 'A');
      all.insert(name + " " + path);
    }
  }
  return all;
}

/// The same by the table of routes; OPTIONS is everywhere and described once.
std::set<std::string> routed() {
  std::set<std::string> all;
  for (const HttpRouteRow& row : http_routes()) {
    std::string methods = row.allow;
    for (std::size_t begin = 0; begin < methods.size();) {
      const auto end = std::min(methods.find(", ", begin), methods.size());
      const auto method = methods.substr(begin, end - begin);
      if (method != "OPTIONS") all.insert(method + " " + row.path);
      begin = end + 2;
    }
  }
  return all;
}

void find_references(const json& value, std::set<std::string>& found) {
  if (value.is_object() && value.contains("$ref")) found.insert(value["$ref"]);
  if (!value.is_structured()) return;
  for (const auto& item : value) find_references(item, found);
}

TEST(OpenApi, DescribesEveryRouteAndNoOther) { EXPECT_EQ(described(), routed()); }

TEST(OpenApi, HasWhatItRefersToAndRefersToWhatItHas) {
  const auto document = json::parse(openapi_text());
  std::set<std::string> referred;
  find_references(document, referred);
  for (const auto& item : document["paths"]) {
    for (const auto& operation : item) {
      for (const auto& choice : operation["security"]) {
        for (const auto& scheme : choice.items()) referred.insert("#/components/securitySchemes/" + scheme.key());
      }
    }
  }
  std::set<std::string> defined;
  for (const auto& [kind, items] : document["components"].items()) {
    for (const auto& item : items.items()) defined.insert("#/components/" + kind + "/" + item.key());
  }
  EXPECT_EQ(referred, defined);
}

TEST(OpenApi, SaysWhichRightEachOperationNeeds) {
  const auto document = json::parse(openapi_text());
  const std::map<std::string, HttpMethod> methods = {{"get", HttpMethod::kGet},
                                                     {"head", HttpMethod::kHead},
                                                     {"post", HttpMethod::kPost},
                                                     {"put", HttpMethod::kPut},
                                                     {"delete", HttpMethod::kDelete}};
  const std::map<std::string, HttpNeed> needs = {
      {"ingest", HttpNeed::kIngest}, {"read", HttpNeed::kRead}, {"admin", HttpNeed::kAdmin}};
  for (const HttpRouteRow& row : http_routes()) {
    for (const auto& [method, operation] : document["paths"][row.path].items()) {
      const auto need = needed(row.route, methods.at(method));
      const auto& security = operation["security"];
      ASSERT_EQ(security.empty(), need == HttpNeed::kNothing) << method << " " << row.path;
      EXPECT_EQ(operation["responses"].contains("401"), !security.empty()) << method << " " << row.path;
      if (security.empty()) continue;
      EXPECT_EQ(needs.at(security[1]["bearer"][0]), need) << method << " " << row.path;
      EXPECT_TRUE(operation["responses"].contains("403")) << method << " " << row.path;
    }
  }
}

TEST(OpenApi, NamesEachOperationOnce) {
  const auto document = json::parse(openapi_text());
  std::set<std::string> names;
  for (const auto& item : document["paths"]) {
    for (const auto& operation : item) {
      EXPECT_TRUE(names.insert(operation["operationId"]).second) << operation["operationId"];
      EXPECT_FALSE(operation["responses"].empty());
    }
  }
  EXPECT_EQ(document["openapi"], "3.1.0");
}

}  // namespace
}  // namespace quipu
