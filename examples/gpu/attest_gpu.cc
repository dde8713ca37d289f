#include <cstdio>

int main() {
  std::fputs("no verifier: the GPU stays closed\n", stderr);
  return 1;
}
