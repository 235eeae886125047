#include "client/service.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(Server, IsWrittenWithOrWithoutItsScheme) {
  EXPECT_EQ(normal_server("127.0.0.1:8080").value(), "http://127.0.0.1:8080");
  EXPECT_EQ(normal_server("http://a.example/").value(), "http://a.example");
  EXPECT_EQ(normal_server("https://a.example:443/quipu//").value(), "https://a.example:443/quipu");
  EXPECT_EQ(normal_server("[::1]:8080").value(), "http://[::1]:8080");
}

TEST(Server, ThatIsNoneIsRefusedWithTheReason) {
  for (const char* wrong : {"", "ftp://a", "http://", ":8080", "http://:80", "a:0", "a:65536", "a:x",
                            "a:", "http://u:p@a", "http://a?b", "http://a#b", "a b"}) {
    const auto server = normal_server(wrong);
    ASSERT_FALSE(server) << wrong;
    EXPECT_NE(server.error().what.find("http://127.0.0.1:8080"), std::string::npos) << server.error().what;
  }
}

TEST(Service, ThatIsNotThereIsUnreachableAndNothingWasSent) {
  // Port 1 of the loopback: nothing listens there.
  ServiceOptions options;
  options.server = "127.0.0.1:1";
  Service service(options);
  EXPECT_EQ(service.get("/v1/stats").outcome, ServiceOutcome::kUnreachable);
  EXPECT_EQ(service.post("/v1/events", "application/json", "[]").outcome, ServiceOutcome::kUnreachable);
}

TEST(PercentEncoding, LeavesOnlyWhatIsPlainInAUrl) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded(std::string_view("/ %?\0\xff", 6)), "%2F%20%25%3F%00%FF");
}

}  // namespace
}  // namespace quipu
