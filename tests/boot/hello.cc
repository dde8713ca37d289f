// The application of app_test: says what it was given, and in which image it runs.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  const char* greeting = std::getenv("GREETING");
  std::cout << "hello: " << (greeting == nullptr ? "no greeting" : greeting);
  for (int i = 1; i < argc; ++i) std::cout << ", " << argv[i];
  std::cout << std::endl;
  std::ifstream release("/etc/guest-release");
  std::string line;
  std::getline(release, line);
  std::cout << "hello: in " << line << std::endl;
  std::ofstream scratch("/scratch/file");
  scratch << "scratch" << std::endl;
  return scratch ? 42 : 1;
}
