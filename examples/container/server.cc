#include <cstdio>
#include <cstring>

int main(int count, char** words) {
  const char kGreeting[] = "--greeting=";
  for (int at = 1; at < count; ++at) {
    if (std::strncmp(words[at], kGreeting, std::strlen(kGreeting)) == 0) {
      std::printf("server: %s\n", words[at] + std::strlen(kGreeting));
    }
  }
}
