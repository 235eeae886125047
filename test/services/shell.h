#pragma once

#include <string>

namespace quipu::testing_services {

/// An address from the environment. Where it is not set the test fails: a test that is left out proves nothing.
std::string address(const char* name);

/// What a shell command prints; throws where it fails.
std::string output_of(const std::string& command);

/// What deploy/local/services prints.
std::string local_services(const std::string& arguments);

/// 64 random bits as text, for names of which there are no two.
std::string random_name();

}  // namespace quipu::testing_services
