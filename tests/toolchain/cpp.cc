// C++20: exceptions through threads, iostreams, <format>, regular expressions, file systems.

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <format>
#include <future>
#include <iostream>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>

int main() {
  std::future<int> failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("thrown"); });
  std::string caught;
  try {
    failing.get();
  } catch (const std::exception& error) {
    caught = error.what();
  }
  int sum = 0;
  {
    std::jthread thread([&sum] { sum = 42; });
  }
  const std::string text = std::format("{} {:>4}", caught, sum);
  std::cout << text << std::endl;
  const bool found = std::regex_search(text, std::regex("thrown +42"));
  return found && std::filesystem::exists("/proc/self") ? EXIT_SUCCESS : EXIT_FAILURE;
}
