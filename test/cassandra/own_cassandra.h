#pragma once

#include <string>

namespace quipu::testing_cassandra {

/// A Cassandra of the test's own, which it may stop, kill and start again: `deploy/local/services` in a temporary
/// directory. Throws where it does not start. Ended and removed with the object.
class OwnCassandra {
 public:
  /// `settings`: lines of cassandra.yaml as system properties, such as "-Dcassandra.settings.column_index_size=4KiB".
  explicit OwnCassandra(const std::string& settings = "");
  ~OwnCassandra();
  OwnCassandra(const OwnCassandra&) = delete;
  OwnCassandra& operator=(const OwnCassandra&) = delete;

  const std::string& contact_points() const { return contact_points_; }
  /// Its threads stand still when this returns, until `resume`.
  void pause();
  void resume();
  /// By SIGKILL.
  void kill();
  void start();

 private:
  void services(const std::string& arguments) const;
  int pid() const;

  std::string directory_;
  std::string settings_;
  std::string contact_points_;
};

}  // namespace quipu::testing_cassandra
