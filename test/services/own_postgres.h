#pragma once

#include <filesystem>
#include <string>

namespace quipu::testing_services {

/// A PostgreSQL that a test may kill: one of its own, by deploy/local/services.
class OwnPostgres {
 public:
  OwnPostgres();
  ~OwnPostgres();
  OwnPostgres(const OwnPostgres&) = delete;
  OwnPostgres& operator=(const OwnPostgres&) = delete;

  void up();
  void kill();  ///< SIGKILL of all its processes.
  std::string url() const { return url_; }
  /// Keeps a copy of the data of the server, which must be down.
  void back_up();
  /// Puts the copy in the place of the data. The server must be down.
  void restore();

 private:
  std::string services(const std::string& verb) const;

  std::filesystem::path directory_;
  std::string url_;
};

}  // namespace quipu::testing_services
