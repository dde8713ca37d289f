#include <iostream>
#include <optional>

int main() {
  std::optional<int> answer = 42;
  std::cout << answer.value() << '\n';
}
