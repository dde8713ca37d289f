"""Sources of a given length."""

_HEADERS = ["algorithm", "iostream", "map", "memory", "string", "vector"]

_FUNCTION = """\
struct Item{n} {{ int number = {n}; std::string name; }};
int Count{n}(const std::vector<Item{n}>& items) {{
  std::map<std::string, int> numbers;
  for (const Item{n}& item : items) numbers[item.name] += item.number;
  int sum = 0;
  for (const auto& [name, number] : numbers) sum += number + static_cast<int>(name.size());
  return sum + {n};
}}
""".splitlines()

def thousand_lines():
    """A thousand lines of C++ as users write it.

    Returns:
      A list of strings.
    """
    lines = ["#include <{}>".format(header) for header in _HEADERS]
    for number in range((1000 - len(lines)) // len(_FUNCTION)):
        lines.extend([line.format(n = number) for line in _FUNCTION])
    return lines + [""] * (1000 - len(lines))
